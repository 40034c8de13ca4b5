"""Azure in, model out: one module a service, on one shared transport, with one place that retries and one that explains errors."""
