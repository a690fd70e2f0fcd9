//! A room: members, events, streams and state. It knows a member by its grants and an inbox, never by a connection.

mod asking;
mod change;
mod core;
mod entry;
mod events;
mod inbox;
mod interests;
mod lists;
mod member;
mod messages;
mod overrides;
mod paging;
mod presence;
mod publish;
mod queries;
mod registry;
mod requests;
mod rest;
mod roster;
mod seat_token;
mod state;
mod streams;
mod trail;
mod views;

#[cfg(test)]
pub(crate) use self::views::View;
pub(crate) use self::{
    change::{ChangeError, Failed, GrantChange},
    core::Room,
    entry::{EnterError, Entering, Found, Gone},
    inbox::{GrantUpdate, Inbox, Letter, News, Switch},
    member::{Occupant, may_subscribe, sees},
    paging::{member_bytes, stream_bytes},
    publish::{PublishError, Publishing},
    registry::Rooms,
    requests::{RequestError, Wants},
    rest::{Lists, Rest},
    seat_token::SeatToken,
    state::SetError,
    views::{EVENTS, EventsCursor},
};
