//! What one room, member or stranger may cost the others.
