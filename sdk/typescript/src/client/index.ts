// The entry `@stagedoor/sdk/client`: join a room from a browser, Node, Deno, Bun or a worker.

/** The words of the wire as `spec/wire.md` has them: fields in snake case. */
export type * as wire from "../spec.ts";
export type { Clock } from "./awake.ts";
export type { Reconnect } from "./backoff.ts";
export type { Allowed, Can } from "./can.ts";
export { type ConnectOptions, connect } from "./client.ts";
export type { Emitter } from "./emitter.ts";
export {
  ClosedError,
  ConnectError,
  InvalidError,
  KeyError,
  LostError,
  RefusedError,
  StagedoorError,
  TimeoutError,
  TokenDenied,
  TokenError,
} from "./error.ts";
export type {
  Asking,
  Camel,
  CamelName,
  ClockState,
  Closed,
  Cursor,
  Delivery,
  Ending,
  FoundStream,
  Frame,
  Grants,
  Kind,
  KnownCode,
  Member,
  Next,
  Outcome,
  Place,
  RelayEvents,
  RoomEvent,
  RoomEvents,
  StateEntry,
  Status,
  StreamInfo,
  To,
  Why,
} from "./event.ts";
export type { Lists } from "./lists.ts";
export type { Saved } from "./memory.ts";
export type { Admitted, Invited, InviteOptions, Moderation } from "./moderation.ts";
export { ProofKey } from "./proof.ts";
export type { Publisher, PublisherEvents, PublisherState, PublishOptions, Sent } from "./publisher.ts";
export type { TokenWhy } from "./renewal.ts";
export type { Renewed } from "./renewer.ts";
export { type Resume, sessionResume } from "./resume.ts";
export type { Room } from "./room.ts";
export type { SocketClass, SocketLike } from "./socket.ts";
export type { Subscription, SubscriptionEvents } from "./subscription.ts";
export type { Token, TokenAsked } from "./token.ts";
export type { MembersPage, Words } from "./words.ts";
