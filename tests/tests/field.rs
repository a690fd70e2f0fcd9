//! Faults from the field: clients that hang up, stores that fail, strangers that flood, clocks that jump. Each test
//! covers a kind of fault, not one case of it.

#[path = "field/acts.rs"]
mod acts;
#[path = "field/alone.rs"]
mod alone;
#[path = "field/attempts.rs"]
mod attempts;
#[path = "field/bounds.rs"]
mod bounds;
#[path = "field/credentials.rs"]
mod credentials;
#[path = "field/edge.rs"]
mod edge;
#[path = "field/forms.rs"]
mod forms;
#[path = "field/lines.rs"]
mod lines;
#[path = "field/media.rs"]
mod media;
#[path = "field/team.rs"]
mod team;
#[path = "field/token04.rs"]
mod token04;
#[path = "field/trail.rs"]
mod trail;
#[path = "field/truth.rs"]
mod truth;
