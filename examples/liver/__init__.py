"""The parts of the liver study."""
