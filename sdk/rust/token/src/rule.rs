//! Every rule of the grants, by name, and the code of what it refuses (`spec/roles.md` §Rules). Knows names
//! only, and decides nothing.

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $rule:literal, $code:literal;)*) => {
        /// One rule of the grants.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Rule { $($(#[$doc])* $name,)* }

        impl Rule {
            /// Every rule.
            pub const ALL: &[Rule] = &[$(Rule::$name,)*];

            /// Its name: its place in the role's template, as `publish.streams`.
            pub fn name(self) -> &'static str {
                match self { $(Rule::$name => $rule,)* }
            }

            /// The code of the refused request on the wire, or of the refused token where only narrowing meets
            /// the rule.
            pub fn code(self) -> &'static str {
                match self { $(Rule::$name => $code,)* }
            }
        }
    };
}

rules! {
    /// No pattern stands for the stream's name.
    PublishStreams = "publish.streams", "publish_denied";
    /// The kind is not among them.
    PublishKinds = "publish.kinds", "publish_denied";
    /// As many streams live as may.
    PublishStreamsMax = "publish.streams_max", "publish_denied";
    /// No pattern stands for the stream's name.
    SubscribeStreams = "subscribe.streams", "subscribe_denied";
    /// The publisher's role is not among them.
    SubscribeFrom = "subscribe.from", "subscribe_denied";
    /// No messages to everybody.
    SendRoom = "send.room", "send_denied";
    /// No messages to that role.
    SendRoles = "send.roles", "send_denied";
    /// No messages to users of that role.
    SendUsers = "send.users", "send_denied";
    /// No pattern stands for the key.
    Set = "set", "set_denied";
    /// The act is not among them.
    Moderate = "moderate", "moderate_denied";
    /// The other's rank, or the role's that it would have, is not lower.
    ModerateRank = "rank", "moderate_denied";
    /// A promotion to a lower rank, or a demotion to a higher one.
    ModerateDirection = "moderate.direction", "moderate_denied";
    /// The member does not see that role.
    PresenceSees = "presence.sees", "presence_denied";
    /// The other is not seen by this role.
    PresenceSeenBy = "presence.seen_by", "presence_denied";
    /// It may not ask to be given that role.
    Ask = "ask", "ask_denied";
    /// It may not obtain a token of that role for others.
    Invite = "invite", "invite_denied";
    /// The invited role's rank is not lower.
    InviteRank = "invite.rank", "invite_denied";
    /// The role waits until it is admitted.
    Waits = "waits", "grants_too_wide";
    /// A second login does more than the role's.
    SecondLogin = "second_login", "grants_too_wide";
    /// More messages than the role's.
    CapsMessagesPerS = "caps.messages_per_s", "grants_too_wide";
    /// More bytes than the role's.
    CapsBytesPerS = "caps.bytes_per_s", "grants_too_wide";
    /// Larger frames than the role's.
    CapsFrameBytesMax = "caps.frame_bytes_max", "grants_too_wide";
}
