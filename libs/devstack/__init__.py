"""Kafka, PostgreSQL and every service as processes on one machine. No service imports it."""
