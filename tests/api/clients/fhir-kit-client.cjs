// Drives the server with fhir-kit-client; exits with an error at the first surprise.
const assert = require("node:assert");

async function main(baseUrl) {
  const { Client } = await import(`${process.env.NODE_PATH}/fhir-kit-client/dist/index.js`);
  const client = new Client({ baseUrl });
  const statement = await client.capabilityStatement();
  assert.equal(statement.fhirVersion, "4.0.1");
  const patient = await client.create({ resourceType: "Patient", body: { resourceType: "Patient", name: [{ family: "Zhang" }] } });
  const read = await client.read({ resourceType: "Patient", id: patient.id });
  assert.equal(read.name[0].family, "Zhang");
  const updated = await client.update({ resourceType: "Patient", id: patient.id, body: { ...read, gender: "female" } });
  assert.equal(updated.meta.versionId, "2");
  const patched = await client.patch({
    resourceType: "Patient", id: patient.id, jsonPatch: [{ op: "replace", path: "/gender", value: "male" }],
  });
  assert.equal(patched.gender, "male");
  const old = await client.vread({ resourceType: "Patient", id: patient.id, version: "1" });
  assert.equal(old.gender, undefined);
  const observation = { resourceType: "Observation", status: "final", code: { text: "K" }, subject: { reference: `Patient/${patient.id}` } };
  const entry = Array.from({ length: 5 }, () => ({ resource: observation, request: { method: "POST", url: "Observation" } }));
  const done = await client.transaction({ body: { resourceType: "Bundle", type: "transaction", entry } });
  assert.deepEqual(done.entry.map((row) => row.response.status), Array(5).fill("201 Created"));
  const seen = [];
  let page = await client.search({ resourceType: "Observation", searchParams: { patient: patient.id, _count: 2 } });
  while (page) {
    seen.push(...(page.entry || []).map((row) => row.resource.id));
    page = page.link.some((row) => row.relation === "next") ? await client.nextPage({ bundle: page }) : null;
  }
  assert.equal(new Set(seen).size, 5);
  const history = await client.history({ resourceType: "Patient", id: patient.id });
  assert.equal(history.total, 3);
  const posted = await client.search({ resourceType: "Patient", searchParams: { _id: patient.id }, options: { postSearch: true } });
  assert.equal(posted.entry.length, 1);
  const everything = await client.operation({ name: "$everything", resourceType: "Patient", id: patient.id, method: "get" });
  assert.equal(everything.entry.length, 6);
  await client.delete({ resourceType: "Patient", id: patient.id });
  await assert.rejects(client.read({ resourceType: "Patient", id: patient.id }), (error) => error.response.status === 410);
}

main(process.argv[2]).catch((error) => { console.error(error); process.exit(1); });
