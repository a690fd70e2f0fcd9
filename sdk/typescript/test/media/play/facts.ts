// Pages for the facts: closed when a fact is over, with nothing in their console.
import { expect } from "vitest";
import type { Page } from "../../client/browser/chromium.ts";
import { atEnd } from "../../client/relay/members.ts";
import { Pages, type Seating } from "./pages.ts";

export class FactPages extends Pages {
  override async seat(room: string, user: string, seating?: Seating): Promise<Page> {
    const page = await super.seat(room, user, seating);
    atEnd(async () => {
      await page.close();
      expect(page.console).toEqual([]);
    });
    return page;
  }
}
