// Runs named steps in their order: one line per step, "<step>\tok" or "<step>\t<what went wrong>".
"use strict";

exports.run = async (steps) => {
  for (const [name, step] of Object.entries(steps)) {
    try {
      await step();
      console.log(`${name}\tok`);
    } catch (problem) {
      console.log(`${name}\t${`${problem.code ?? problem.name}: ${problem.message}`.replaceAll("\n", " ")}`);
    }
  }
};

exports.must = (condition, what) => {
  if (!condition) throw new Error(what);
};

exports.bytes = async (stream) => {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
};
