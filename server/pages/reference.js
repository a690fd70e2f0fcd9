// Renders the OpenAPI document that this server serves. Everything is set as text, never as markup.
"use strict";

function element(name, text, ...children) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

function resolved(document_, schema) {
  if (!schema || !schema.$ref) return schema ?? {};
  return schema.$ref.split("/").slice(1).reduce((at, part) => at[part], document_);
}

function typeOf(schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.oneOf) return schema.oneOf.map(typeOf).join(" | ");
  if (schema.items) return `${typeOf(schema.items)}[]`;
  return [schema.type ?? "any"].flat().join(" | ");
}

function fields(document_, schema) {
  const full = resolved(document_, schema);
  const table = element("table");
  for (const [name, field] of Object.entries(full.properties ?? {})) {
    const required = (full.required ?? []).includes(name) ? "" : " (optional)";
    table.append(element("tr", "", element("td", "", element("code", name)), element("td", typeOf(field) + required), element("td", field.description ?? "")));
  }
  return table;
}

function operation(document_, path, method, described) {
  const head = element("summary", "", element("span", method.toUpperCase()), element("code", path));
  head.firstChild.className = "method";
  const body = element("details", "", head, element("p", described.summary ?? described.description ?? ""));
  const parameters = element("table");
  for (const parameter of described.parameters ?? []) {
    parameters.append(element("tr", "", element("td", "", element("code", parameter.name)), element("td", parameter.in), element("td", parameter.description ?? "")));
  }
  if (parameters.children.length) body.append(element("h4", "Parameters"), parameters);
  const request = described.requestBody?.content?.["application/json"]?.schema;
  if (request) body.append(element("h4", `Body: ${typeOf(request)}`), fields(document_, request));
  for (const [status, answer] of Object.entries(described.responses ?? {})) {
    const schema = answer.content?.["application/json"]?.schema;
    body.append(element("h4", `${status}${schema ? `: ${typeOf(schema)}` : ""}`));
    if (schema) body.append(fields(document_, schema));
  }
  return body;
}

async function render() {
  const main = document.getElementById("reference");
  const answer = await fetch("/v1/openapi.json");
  const document_ = await answer.json();
  const sections = new Map();
  for (const [path, methods] of Object.entries(document_.paths)) {
    for (const [method, described] of Object.entries(methods)) {
      const tag = described.tags?.[0] ?? "other";
      if (!sections.has(tag)) sections.set(tag, element("section", "", element("h2", tag)));
      sections.get(tag).append(operation(document_, path, method, described));
    }
  }
  main.replaceChildren(element("p", document_.info.description), ...sections.values());
}

render().catch((error) => {
  document.getElementById("reference").textContent = `The reference could not be shown: ${error}`;
});
