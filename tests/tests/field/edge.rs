//! The edge of the process: listeners, proxies, addresses, the start and the stop.
