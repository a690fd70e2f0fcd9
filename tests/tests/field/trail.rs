//! The audit trail: whole, in order, and bounded whatever a stranger sends.
