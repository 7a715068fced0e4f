// Drives the server with @medplum/core; exits with an error at the first surprise.
const assert = require("node:assert");

async function main(baseUrl) {
  const { MedplumClient } = require("@medplum/core");
  const client = new MedplumClient({ baseUrl: baseUrl.replace(/\/fhir$/, "/"), fhirUrlPath: "fhir", fetch, cacheTime: 0 });
  const patient = await client.createResource({ resourceType: "Patient", name: [{ family: "Zhang" }], identifier: [{ system: "urn:i", value: "1" }] });
  assert.equal((await client.readResource("Patient", patient.id)).name[0].family, "Zhang");
  const updated = await client.updateResource({ ...patient, gender: "female" });
  assert.equal(updated.meta.versionId, "2");
  const patched = await client.patchResource("Patient", patient.id, [{ op: "replace", path: "/gender", value: "male" }]);
  assert.equal(patched.gender, "male");
  const same = await client.createResourceIfNoneExist({ resourceType: "Patient", name: [{ family: "Li" }] }, "identifier=urn:i|1");
  assert.equal(same.id, patient.id);
  const observation = { resourceType: "Observation", status: "final", code: { text: "K" }, subject: { reference: `Patient/${patient.id}` } };
  const entry = Array.from({ length: 5 }, () => ({ resource: observation, request: { method: "POST", url: "Observation" } }));
  const done = await client.executeBatch({ resourceType: "Bundle", type: "transaction", entry });
  assert.deepEqual(done.entry.map((row) => row.response.status), Array(5).fill("201 Created"));
  const seen = [];
  for await (const page of client.searchResourcePages("Observation", { patient: patient.id, _count: 2 })) {
    seen.push(...page.map((resource) => resource.id));
  }
  assert.equal(new Set(seen).size, 5);
  assert.equal((await client.readHistory("Patient", patient.id)).total, 3);
  assert.equal((await client.readPatientEverything(patient.id)).entry.length, 6);
  await client.deleteResource("Patient", patient.id);
  await assert.rejects(client.readResource("Patient", patient.id));
}

main(process.argv[2]).catch((error) => { console.error(error); process.exit(1); });
