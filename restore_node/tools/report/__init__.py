"""What a replay showed: its account, scores, pictures and page (docs/contracts.md, section 6)."""
