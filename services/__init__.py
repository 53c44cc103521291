"""Six programs that talk only through Kafka topics, and the commands and the demo around them."""
