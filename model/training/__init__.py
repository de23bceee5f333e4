"""Fine-tuning with connectionist temporal classification: settings, batches, loss, masks, schedule and loop."""
