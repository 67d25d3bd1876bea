// minio-js at an S3 endpoint: node minio.cjs ENDPOINT ACCESS_KEY SECRET_KEY BUCKET
"use strict";

const { randomBytes } = require("node:crypto");
const { Client, CopyConditions } = require("minio");
const { bytes, must, run } = require("./steps.cjs");

const [endpoint, accessKey, secretKey, bucket] = process.argv.slice(2);
const ODD = "ümläut + space%.txt";
const large = randomBytes(12 << 20);
let client;

const read = async (key) => bytes(await client.getObject(bucket, key));
const listed = async (prefix, options) => {
  const found = [];
  for await (const entry of client.listObjects(bucket, prefix, true, options)) found.push(entry);
  return found;
};

async function put() {
  for (const key of ["dir/one", "dir/two", ODD]) await client.putObject(bucket, key, `content of ${key}`);
}

function connect() {
  const url = new URL(endpoint);
  // it has no place for a path: what follows the host is given as people would, in the name
  const endPoint = url.pathname === "/" ? url.hostname : `${url.hostname}${url.pathname}`;
  client = new Client({ endPoint, port: Number(url.port), useSSL: false, accessKey, secretKey, region: "us-east-1", partSize: 5 << 20 });
}

const steps = {
  create: () => client.makeBucket(bucket, "us-east-1"),
  put,
  get: async () => must((await read(ODD)).toString() === `content of ${ODD}`, "differs"),
  range: async () => {
    const piece = await bytes(await client.getPartialObject(bucket, "dir/one", 0, 7));
    must(piece.toString() === "content", "differs");
  },
  multipart: async () => {
    await client.putObject(bucket, "large", large);
    must((await read("large")).equals(large), "differs");
  },
  list: async () => {
    const keys = (await listed("dir/")).map((entry) => entry.name).join(" ");
    must(keys === "dir/one dir/two", `listed ${keys}`);
  },
  copy: async () => {
    await client.copyObject(bucket, "copied", `/${bucket}/dir/one`, new CopyConditions());
    must((await read("copied")).toString() === "content of dir/one", "differs");
  },
  conditional: async () => {
    const conditions = new CopyConditions();
    conditions.setMatchETag("0123456789abcdef0123456789abcdef");
    const refused = await client.copyObject(bucket, "never", `/${bucket}/dir/one`, conditions).catch((no) => no);
    must(refused.code === "PreconditionFailed", `expected PreconditionFailed, got ${refused.code}`);
  },
  presigned: async () => {
    const answer = await fetch(await client.presignedGetObject(bucket, "dir/one", 60));
    must((await answer.text()) === "content of dir/one", `status ${answer.status}`);
  },
  tags: async () => {
    await client.setObjectTagging(bucket, "dir/one", { colour: "blue" });
    const found = await client.getObjectTagging(bucket, "dir/one");
    must(found.length === 1 && found[0].Value === "blue", `${found.length} tags`);
  },
  versions: async () => {
    await client.setBucketVersioning(bucket, { Status: "Enabled" });
    await put();
    await client.removeObject(bucket, "dir/one");
    const found = await listed("dir/one", { IncludeVersion: true });
    must(found.length === 3, `${found.length} versions and delete markers`);
  },
  delete: async () => {
    for (const { name, versionId } of await listed("", { IncludeVersion: true })) {
      await client.removeObject(bucket, name, { versionId });
    }
    await client.removeBucket(bucket);
  },
};

try {
  connect();
  run(steps);
} catch (problem) {
  console.log(`connect\t${problem.name}: ${problem.message}`);
}
