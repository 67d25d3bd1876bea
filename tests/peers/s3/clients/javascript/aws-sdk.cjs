// @aws-sdk/client-s3 at an S3 endpoint: node aws-sdk.cjs ENDPOINT ACCESS_KEY SECRET_KEY BUCKET
"use strict";

const { randomBytes } = require("node:crypto");
const s3 = require("@aws-sdk/client-s3");
const { Upload } = require("@aws-sdk/lib-storage");
const { getSignedUrl } = require("@aws-sdk/s3-request-presigner");
const { bytes, must, run } = require("./steps.cjs");

const [endpoint, accessKeyId, secretAccessKey, Bucket] = process.argv.slice(2);
const client = new s3.S3Client({
  endpoint, region: "us-east-1", forcePathStyle: true, maxAttempts: 1, credentials: { accessKeyId, secretAccessKey },
});
const send = (Command, input) => client.send(new Command({ Bucket, ...input }));
const read = async (Key, more) => bytes((await send(s3.GetObjectCommand, { Key, ...more })).Body);
const ODD = "ümläut + space%.txt";
const large = randomBytes(12 << 20);

async function put() {
  for (const Key of ["dir/one", "dir/two", ODD]) await send(s3.PutObjectCommand, { Key, Body: `content of ${Key}` });
}

run({
  create: () => send(s3.CreateBucketCommand),
  put,
  get: async () => must((await read(ODD)).toString() === `content of ${ODD}`, "differs"),
  range: async () => must((await read("dir/one", { Range: "bytes=0-6" })).toString() === "content", "differs"),
  multipart: async () => {
    await new Upload({ client, params: { Bucket, Key: "large", Body: large }, partSize: 5 << 20 }).done();
    must((await read("large")).equals(large), "differs");
  },
  list: async () => {
    const keys = [];
    for await (const page of s3.paginateListObjectsV2({ client, pageSize: 1 }, { Bucket, Prefix: "dir/" })) {
      keys.push(...page.Contents.map((entry) => entry.Key));
    }
    must(keys.join(" ") === "dir/one dir/two", `listed ${keys}`);
  },
  copy: async () => {
    await send(s3.CopyObjectCommand, { Key: "copied", CopySource: `${Bucket}/dir/one` });
    must((await read("copied")).toString() === "content of dir/one", "differs");
  },
  conditional: async () => {
    const refused = await send(s3.PutObjectCommand, { Key: "dir/one", Body: "x", IfNoneMatch: "*" }).catch((no) => no);
    must(refused.name === "PreconditionFailed", `expected PreconditionFailed, got ${refused.name}`);
  },
  presigned: async () => {
    const link = await getSignedUrl(client, new s3.GetObjectCommand({ Bucket, Key: "dir/one" }), { expiresIn: 60 });
    const answer = await fetch(link);
    must((await answer.text()) === "content of dir/one", `status ${answer.status}`);
  },
  tags: async () => {
    const Tagging = { TagSet: [{ Key: "colour", Value: "blue" }] };
    await send(s3.PutObjectTaggingCommand, { Key: "dir/one", Tagging });
    const { TagSet } = await send(s3.GetObjectTaggingCommand, { Key: "dir/one" });
    must(TagSet.length === 1 && TagSet[0].Value === "blue", `${TagSet.length} tags`);
  },
  versions: async () => {
    await send(s3.PutBucketVersioningCommand, { VersioningConfiguration: { Status: "Enabled" } });
    await put();
    await send(s3.DeleteObjectCommand, { Key: "dir/one" });
    const { Versions = [], DeleteMarkers = [] } = await send(s3.ListObjectVersionsCommand, { Prefix: "dir/one" });
    const found = `${Versions.length} versions, ${DeleteMarkers.length} delete markers`;
    must(found === "2 versions, 1 delete markers", found);
  },
  delete: async () => {
    const { Versions = [], DeleteMarkers = [] } = await send(s3.ListObjectVersionsCommand);
    const Objects = [...Versions, ...DeleteMarkers].map(({ Key, VersionId }) => ({ Key, VersionId }));
    const { Errors = [] } = await send(s3.DeleteObjectsCommand, { Delete: { Objects } });
    must(Errors.length === 0, `${Errors.length} were not deleted`);
    await send(s3.DeleteBucketCommand);
  },
});
