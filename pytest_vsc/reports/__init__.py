"""What people read of a run. Everything here turns values into text; nothing is measured or decided."""
