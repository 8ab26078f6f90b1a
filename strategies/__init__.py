"""What to do; pure: no clock, disk, network or actor."""
