"""What a local archive stands on in place of AWS."""
