// Draws the reference with Swagger UI, from the document that this server serves. What is given as a credential
// stays in the memory of the page: nothing here stores, and a reload forgets it.
"use strict";

const dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", paint);
paint();

const CREDENTIAL = /^Bearer .+/;

/** What of Swagger UI is drawn in another way. */
function stagedoor({ React }) {
  const h = React.createElement;

  // Swagger UI sets its Markdown as HTML, which Trusted Types refuse. Our texts are paragraphs with code in them,
  // and become elements without a detour.
  const inline = (text) =>
    text.split(/(`[^`]+`)/).map((part, key) => (/^`.+`$/.test(part) ? h("code", { key }, part.slice(1, -1)) : part));
  const Markdown = ({ source, className = "" }) =>
    source
      ? h(
          "div",
          { className: `renderedMarkdown ${className}` },
          String(source)
            .split(/\n{2,}/)
            .map((paragraph, key) => h("p", { key }, inline(paragraph))),
        )
      : null;

  // A refusal is its status and its codes; the problem body is the same everywhere and described once.
  const response = (Original) => (props) =>
    Number(props.code) < 400
      ? h(Original, props)
      : h(
          "tr",
          { className: "response" },
          h("td", { className: "response-col_status" }, props.code),
          h("td", { className: "response-col_description" }, h(Markdown, { source: props.response.get("description") })),
          h("td", { className: "response-col_links" }),
        );

  // The command that repeats a call is for sharing, and does not have the credential.
  const curl = (Original) => (props) => {
    const hide = (value) => value.replace(CREDENTIAL, "Bearer YOUR_API_KEY");
    const headers = props.request.get("headers")?.map((value) => (typeof value === "string" ? hide(value) : value));
    return h(Original, { ...props, request: headers ? props.request.set("headers", headers) : props.request });
  };

  // No browser remembers what is typed here.
  const Input = (Original) => (props) => h(Original, { ...props, autoComplete: "off", spellCheck: false });

  return { wrapComponents: { Markdown: () => Markdown, RenderedMarkdown: () => Markdown, response, curl, Input } };
}

// A link to an operation is a link to its element, such as `/reference#operations-tokens-tokens_create`.
function show() {
  const linked = document.getElementById(location.hash.slice(1));
  linked?.querySelector("[aria-expanded=false]")?.click();
  linked?.scrollIntoView();
}
addEventListener("hashchange", show);

SwaggerUIBundle({
  url: "/v1/openapi.json",
  dom_id: "#reference",
  plugins: [stagedoor],
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  filter: true,
  onComplete: show,
  persistAuthorization: false,
  validatorUrl: null,
});
