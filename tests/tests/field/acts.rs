//! Acts of the API: carried through once begun, each one transaction, whoever hangs up and whatever fails.
