"""The steps of dev/gpu_proof.sh that are not commands of the project by themselves."""
