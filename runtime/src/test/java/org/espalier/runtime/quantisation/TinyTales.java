package org.espalier.runtime.quantisation;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.espalier.api.math.FloatMatrix;

/**
 * A small trained model with the second moments of all its inputs and what a reference
 * implementation lost on each matrix: the folders {@code hf} and {@code reference} in the one that
 * the property {@code espalier.reference} names. Its JSON is simple enough for expressions.
 */
final class TinyTales {
  private static final Pattern TENSOR =
      Pattern.compile(
          "\"([^\"]+)\":\\{\"dtype\":\"BF16\",\"shape\":\\[([0-9,]+)\\],\"data_offsets\":\\[(\\d+),(\\d+)\\]\\}");
  private static final Pattern HESSIAN =
      Pattern.compile(
          "\"layer\":(\\d+),\"input\":\"(\\w+)\",\"expert\":(\\d+|null),[^{}]*?\"offset\":(\\d+)");
  private static final Pattern LOSS =
      Pattern.compile(
          "\"name\":\"([^\"]+)\",\"kind\":\"\\w+\",\"proj\":\"(\\w+)\",\"layer\":(\\d+),\"expert\":(\\d+|null),[^{}]*?\"proxy_loss\":([-+.0-9eE]+)");

  private final Map<String, FloatMatrix> weights = new HashMap<>();
  private final Map<String, FloatMatrix> hessians = new HashMap<>();
  private final List<Entry> entries = new ArrayList<>();

  /** One quantised matrix of the reference. */
  record Entry(String name, String projection, int layer, String expert, double proxyLoss) {
    String tensor() {
      return "model.layers."
          + layer
          + (expert.equals("null") ? ".self_attn." : ".mlp.experts." + expert + ".")
          + projection
          + ".weight";
    }

    String input() {
      String kind =
          switch (projection) {
            case "o_proj" -> "o";
            case "down_proj" -> "down";
            case "gate_proj", "up_proj" -> "gate_up";
            default -> "attn";
          };
      return layer + kind + expert;
    }
  }

  TinyTales(Path folder) {
    Path checkpoint = folder.resolve("hf");
    Path reference = folder.resolve("reference");
    try {
      readWeights(checkpoint.resolve("model-00001-of-00002.safetensors"));
      readWeights(checkpoint.resolve("model-00002-of-00002.safetensors"));
      readHessians(reference.resolve("hessians"));
      readLosses(reference.resolve("proxy_expert.json"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  List<Entry> entries() {
    return entries;
  }

  FloatMatrix weights(Entry entry) {
    return weights.get(entry.tensor());
  }

  FloatMatrix hessian(Entry entry) {
    return hessians.get(entry.input());
  }

  private void readWeights(Path path) throws IOException {
    ByteBuffer file = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
    int headerBytes = Math.toIntExact(file.getLong(0));
    String header = new String(file.array(), 8, headerBytes, StandardCharsets.UTF_8);
    Matcher tensor = TENSOR.matcher(header);
    while (tensor.find()) {
      String[] shape = tensor.group(2).split(",");
      if (shape.length == 2) {
        int rows = Integer.parseInt(shape[0]);
        int columns = Integer.parseInt(shape[1]);
        FloatMatrix matrix = FloatMatrix.zeros(rows, columns);
        int from = 8 + headerBytes + Integer.parseInt(tensor.group(3));
        for (int i = 0; i < rows * columns; i++) {
          matrix.values()[i] = Float.intBitsToFloat(file.getShort(from + 2 * i) << 16);
        }
        weights.put(tensor.group(1), matrix);
      }
    }
  }

  private void readHessians(Path folder) throws IOException {
    ByteBuffer file =
        ByteBuffer.wrap(Files.readAllBytes(folder.resolve("hessians.f32")))
            .order(ByteOrder.LITTLE_ENDIAN);
    Matcher hessian = HESSIAN.matcher(json(folder.resolve("index.json")));
    while (hessian.find()) {
      FloatMatrix matrix = FloatMatrix.zeros(256, 256);
      int from = Integer.parseInt(hessian.group(4));
      for (int i = 0; i < matrix.values().length; i++) {
        matrix.values()[i] = file.getFloat(from + Float.BYTES * i);
      }
      hessians.put(hessian.group(1) + hessian.group(2) + hessian.group(3), matrix);
    }
  }

  private void readLosses(Path path) throws IOException {
    Matcher loss = LOSS.matcher(json(path));
    while (loss.find()) {
      entries.add(
          new Entry(
              loss.group(1),
              loss.group(2),
              Integer.parseInt(loss.group(3)),
              loss.group(4),
              Double.parseDouble(loss.group(5))));
    }
  }

  private static String json(Path path) throws IOException {
    return Files.readString(path).replaceAll("\\s+", "");
  }
}
