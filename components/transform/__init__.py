"""What the standard components Transform, StatisticsGen and ImportSchemaGen are given."""
