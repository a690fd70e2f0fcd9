//! The rules of grants by name, each with the code of the refusal (`spec/roles.md` §Rules). Only names: nothing is
//! decided here.

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $rule:literal, $code:literal;)*) => {
        /// A rule of the grants.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Rule { $($(#[$doc])* $name,)* }

        impl Rule {
            /// Every rule, in the order of the role's template.
            pub const ALL: &[Rule] = &[$(Rule::$name,)*];

            /// The rule's name: its place in the role's template, such as `publish.streams`.
            pub fn name(self) -> &'static str {
                match self { $(Rule::$name => $rule,)* }
            }

            /// The code of the refusal: of a request on the wire, or of a token where only narrowing can break the rule.
            pub fn code(self) -> &'static str {
                match self { $(Rule::$name => $code,)* }
            }
        }
    };
}

rules! {
    /// No pattern stands for the stream's name.
    PublishStreams = "publish.streams", "publish_denied";
    /// The kind of the stream is not among those allowed.
    PublishKinds = "publish.kinds", "publish_denied";
    /// The member has as many live streams as it may have.
    PublishStreamsMax = "publish.streams_max", "publish_denied";
    /// No pattern stands for the stream's name.
    SubscribeStreams = "subscribe.streams", "subscribe_denied";
    /// The publisher's role is not among those allowed.
    SubscribeFrom = "subscribe.from", "subscribe_denied";
    /// Messages to everybody in the room are not allowed.
    SendRoom = "send.room", "send_denied";
    /// Messages to that role are not allowed.
    SendRoles = "send.roles", "send_denied";
    /// Messages to users of that role are not allowed.
    SendUsers = "send.users", "send_denied";
    /// No pattern stands for the key.
    Set = "set", "set_denied";
    /// The act is not among those allowed.
    Moderate = "moderate", "moderate_denied";
    /// The other member's rank, or that of the role that it would get, is not lower.
    ModerateRank = "rank", "moderate_denied";
    /// A promotion leads to a lower rank, or a demotion to a higher one.
    ModerateDirection = "moderate.direction", "moderate_denied";
    /// The member does not see that role.
    PresenceSees = "presence.sees", "presence_denied";
    /// The other member is not seen by this role.
    PresenceSeenBy = "presence.seen_by", "presence_denied";
    /// The member may not ask for that role.
    Ask = "ask", "ask_denied";
    /// The member may not obtain a token for that role.
    Invite = "invite", "invite_denied";
    /// The rank of the guest's role is not lower.
    InviteRank = "invite.rank", "invite_denied";
    /// Members of the role wait until they are admitted, and the token must not change that.
    Waits = "waits", "grants_too_wide";
    /// The token allows more second logins than the role.
    SecondLogin = "second_login", "grants_too_wide";
    /// The token allows more messages than the role.
    CapsMessagesPerS = "caps.messages_per_s", "grants_too_wide";
    /// The token allows more bytes than the role.
    CapsBytesPerS = "caps.bytes_per_s", "grants_too_wide";
    /// The token allows larger frames than the role.
    CapsFrameBytesMax = "caps.frame_bytes_max", "grants_too_wide";
}
