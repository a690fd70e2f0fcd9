//! What `stagedoor dev` makes and remembers for a developer. After `cli`, before `assemble`.
