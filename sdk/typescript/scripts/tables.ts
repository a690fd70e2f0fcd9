// The tables of a specification's Markdown, and how their cells are read. Knows no table by name.

/** A field of a cell such as `` `user`, `name`? ``. */
export interface Named {
  readonly name: string;
  readonly optional: boolean;
}

/** The rows of every table whose heading has these cells, as cells. Throws where there is none. */
export function table(text: string, heading: string): string[][] {
  const lines = text.split("\n");
  const at = lines.indexOf(heading);
  if (at < 0) throw new Error(`the specification has no table ${heading}`);
  const rows: string[][] = [];
  for (let line = at + 2; lines[line]?.startsWith("|"); line++) {
    rows.push(
      (lines[line] ?? "")
        .split("|")
        .slice(1, -1)
        .map(cell => cell.trim()),
    );
  }
  return rows;
}

/** What stands between backquotes. */
export function quoted(cell: string | undefined): string[] {
  return (cell ?? "").split("`").filter((_, at) => at % 2 === 1);
}

/** The first text between backquotes. Throws where there is none. */
export function quotedOne(cell: string | undefined): string {
  const [word] = quoted(cell);
  if (word === undefined) throw new Error(`no backquotes in ${cell}`);
  return word;
}

/** The fields that a cell lists. Words in brackets say more about the one before, and alternatives are optional. */
export function listed(cell: string | undefined): Named[] {
  const fields: Named[] = [];
  const parts = (cell ?? "").split("`");
  let depth = brackets(parts[0]);
  for (let at = 1; at + 1 < parts.length; at += 2) {
    const [before, name, after] = [parts[at - 1] ?? "", parts[at] ?? "", parts[at + 1] ?? ""];
    if (depth === 0) {
      const alternative = before.trim() === "or" || after.trim().startsWith("or");
      fields.push({ name, optional: after.startsWith("?") || alternative });
    }
    depth += brackets(after);
  }
  return fields;
}

function brackets(text = ""): number {
  return text.split("(").length - text.split(")").length;
}
