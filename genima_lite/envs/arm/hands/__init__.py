"""Who leads an arm while a demonstration is recorded: one file a device."""
