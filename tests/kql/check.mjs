// Parses and type-checks Resource Graph queries with Microsoft's own language service for KQL.
//
//   node check.mjs [--package DIR] [FILE.kql …]
//
// Without files, every query of the console's gateway is checked. The package @kusto/language-service-next is looked for beside this file, or in
// DIR. Placeholders such as {ids} are filled with an example. Each finding is one line, FILE:LINE:COLUMN: CODE MESSAGE; the exit code is 1 when
// any is an error, 2 when the check itself cannot run.

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import vm from "node:vm";

const here = path.dirname(fileURLToPath(import.meta.url));
const queries = path.join(here, "..", "..", "console", "gateway", "queries");

const examples = {
  ids: "'/subscriptions/0/resourcegroups/a/providers/b/c/d', \"/subscriptions/0/resourcegroups/a/providers/b/c/o'e\"",
  since: "2026-01-31T23:59:59.1234567Z",
};

// The columns of the tables, as the service's schema browser shows them: text first, then dynamic.
const common = [
  ["id", "name", "type", "tenantId", "kind", "location", "resourceGroup", "subscriptionId", "managedBy"],
  ["sku", "plan", "properties", "tags", "identity", "zones", "extendedLocation"],
];
const changes = [["id", "name", "type", "tenantId", "location", "resourceGroup", "subscriptionId"], ["properties", "tags", "extendedLocation"]];
const tables = { resources: common, securityresources: common, resourcecontainers: common, resourcechanges: changes };

function load(folder) {
  // The package's main file expects the global `Bridge`, which a plain require() does not give it.
  for (const file of ["bridge.min.js", "Kusto.Language.Bridge.min.js"]) {
    vm.runInThisContext(readFileSync(path.join(folder, file), "utf8"), { filename: file });
  }
  return globalThis.Kusto.Language;
}

function globals(language) {
  const symbols = language.Symbols;
  const column = (type) => (name) => new symbols.ColumnSymbol(name, type);
  const members = Object.entries(tables).map(([name, [texts, dynamics]]) => {
    const columns = [...texts.map(column(symbols.ScalarTypes.String)), ...dynamics.map(column(symbols.ScalarTypes.Dynamic))];
    return new symbols.TableSymbol.$ctor4(name, columns);
  });
  return language.GlobalState.Default.WithDatabase(new symbols.DatabaseSymbol.ctor("resourcegraph", members));
}

/** The query with its placeholders filled. Line numbers stay; a placeholder that is not known is an error. */
function filled(text, file, report) {
  return text.split("\n").map((line, index) => {
    if (line.startsWith("//")) return line;
    return line.replace(/\{(\w*)\}/g, (whole, name, at) => {
      if (name in examples) return examples[name];
      report(file, index + 1, at + 1, "PLACEHOLDER", `there is no example for the placeholder ${whole}`);
      return "''";
    });
  }).join("\n");
}

function main(args) {
  let folder = path.join(here, "node_modules", "@kusto", "language-service-next");
  if (args[0] === "--package") folder = args.splice(0, 2)[1];
  const files = args.length ? args : readdirSync(queries).filter((name) => name.endsWith(".kql")).sort().map((name) => path.join(queries, name));
  let language;
  try {
    language = load(folder);
  } catch (error) {
    console.error(`The language service cannot be loaded from ${folder}: ${error.message}`);
    return 2;
  }
  const known = globals(language);
  let errors = 0;
  const report = (file, line, column, code, message, severity = "Error") => {
    errors += severity === "Error" ? 1 : 0;
    console.log(`${path.relative(process.cwd(), file)}:${line}:${column}: ${severity.toLowerCase()} ${code} ${message}`);
  };
  for (const file of files) {
    const text = filled(readFileSync(file, "utf8"), file, report);
    if (!text.startsWith("//")) report(file, 1, 1, "COMMENT", "the first line must be a comment that says what the query is for");
    const code = language.KustoCode.ParseAndAnalyze(text, known);
    const found = code.GetDiagnostics();
    for (let index = 0; index < found.Count; index++) {
      const one = found.getItem ? found.getItem(index) : found[index];
      const before = text.slice(0, one.Start).split("\n");
      report(file, before.length, before.at(-1).length + 1, one.Code, one.Message, one.Severity);
    }
  }
  console.log(`${files.length} queries checked, ${errors} errors.`);
  return errors ? 1 : 0;
}

process.exitCode = main(process.argv.slice(2));
