"""What training minimises: content terms for each image, adversarial terms for scores."""
