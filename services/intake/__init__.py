"""HTTP in: complaints, what customers say later, and what a company's systems observed; 202 only after Kafka has it."""
