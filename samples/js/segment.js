// Labels of an image by a model that segfit exported:  node segment.js segment.onnx image.ppm labels.pgm
//
// In a browser the levels come from a canvas, whose fourth channel is left out, see segment() below.
// Here images are binary PPM, which needs no library to read: magick photo.jpg -depth 8 image.ppm
import { readFile, writeFile } from "node:fs/promises";
import * as ort from "onnxruntime-web";

/** Levels of an image, height × width × 3, rows from the top, to labels, height × width. */
export async function segment(session, levels, height, width) {
  const image = new ort.Tensor("uint8", levels, [height, width, 3]);
  const { labels } = await session.run({ image }, ["labels"]); // or "scores"
  return labels.data;
}

function readPpm(path, bytes) {
  const start = bytes.toString("latin1", 0, 100);
  const [header, kind, width, height, largest] =
    /^(P6)\s+(\d+)\s+(\d+)\s+(\d+)\s/.exec(start) ?? [];
  if (kind === undefined || largest !== "255" || Math.min(width, height) < 8)
    throw new Error(`${path} is not a binary PPM of 8 bits and sides of 8 px or more`);
  const levels = new Uint8Array(bytes.subarray(header.length, header.length + width * height * 3));
  if (levels.length < width * height * 3) throw new Error(`${path} is shorter than it says`);
  return { levels, height: Number(height), width: Number(width) };
}

async function main(model, source, target) {
  if (target === undefined) throw new Error("usage: segment.js segment.onnx image.ppm labels.pgm");
  const { levels, height, width } = readPpm(source, await readFile(source));
  const session = await ort.InferenceSession.create(await readFile(model));
  const labels = await segment(session, levels, height, width);
  await writeFile(target, Buffer.concat([Buffer.from(`P5\n${width} ${height}\n255\n`), labels]));
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(`segment: ${error.message}`);
  process.exitCode = 1;
});
