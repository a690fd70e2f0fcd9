// The worker's part of publishing.

/** Publishes what comes by the port. */
export function startPublishing(_port: MessagePort): void {}
