"""What evaluators share: the form of a decision, the blessing, the page of a report, the examples."""
