"""What runs a training: providers behind observe, ensure_on and ensure_off."""
