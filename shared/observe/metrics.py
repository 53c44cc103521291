"""Every metric there is, with its meaning. Prometheus, one process one registry."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

EVENTS_READ = Counter("skolbro_events_read_total", "Events from Kafka, by what became of them", ["reader", "outcome"])
BATCH_SECONDS = Histogram(
    "skolbro_batch_seconds",
    "From the first record of a batch in hand to its offsets committed",
    ["reader"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
BATCH_RETRIES = Counter("skolbro_batch_retries_total", "Batches tried again after a passing fault", ["reader"])
CONSUMER_LAG = Gauge("skolbro_consumer_lag", "Records in Kafka not read yet", ["reader", "topic", "partition"])
READER_HALTED = Gauge("skolbro_reader_halted", "1 when the dead-letter limit has stopped this reader", ["reader"])
OUTBOX_AGE = Gauge("skolbro_outbox_age_seconds", "Age of the oldest event not published yet; 0 when there is none")
OUTBOX_PUBLISHED = Counter("skolbro_outbox_published_total", "Events published", ["topic"])
DUE_LATE = Gauge("skolbro_due_late_seconds", "How late the oldest due thing is; 0 when none is late")
DUE_DONE = Counter("skolbro_due_done_total", "Due things done", ["kind", "outcome"])
MESSAGES = Counter("skolbro_messages_total", "Messages to people, by channel and outcome", ["channel", "outcome"])
UNCERTAIN = Counter("skolbro_messages_uncertain_total", "Messages whose fate is not known (RFC 1047)", ["channel"])
HANDOVER_SECONDS = Histogram(
    "skolbro_handover_seconds",
    "From the request for a message to its acceptance by the mail server",
    ["lane"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 120, 600),
)
REGISTRY_ROWS = Counter("skolbro_registry_rows_total", "Rows from registries, by kind and outcome", ["kind", "outcome"])
