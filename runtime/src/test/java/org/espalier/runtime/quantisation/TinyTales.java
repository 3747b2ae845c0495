package org.espalier.runtime.quantisation;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.espalier.api.math.FloatMatrix;

/**
 * A small trained model with the second moments of all its inputs and what a reference
 * implementation lost on each matrix, and the signs it drew: the folders {@code hf}, {@code
 * reference} and {@code gguf} in the one that the property {@code espalier.reference} names. Its
 * JSON is simple enough for expressions.
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
  private final Map<String, float[]> signs = new HashMap<>();
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

    /** What its tensors in the quantised file are called, before the suffix. */
    String stem() {
      String kind =
          switch (projection) {
            case "q_proj" -> "attn_q";
            case "k_proj" -> "attn_k";
            case "v_proj" -> "attn_v";
            case "o_proj" -> "attn_output";
            case "gate_proj" -> "ffn_gate_exps";
            case "up_proj" -> "ffn_up_exps";
            default -> "ffn_down_exps";
          };
      return "blk." + layer + "." + kind;
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
      readSigns(folder.resolve("gguf").resolve("tiny-tales-qtip.gguf"));
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

  /**
   * The signs that the reference drew for a matrix.
   *
   * @param side {@code sign_l} or {@code sign_r}
   */
  float[] signs(Entry entry, String side) {
    float[] bank = signs.get(entry.stem() + "." + side + ".weight");
    int from = entry.expert().equals("null") ? 0 : 256 * Integer.parseInt(entry.expert());
    return Arrays.copyOfRange(bank, from, from + 256);
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

  /** The sign tensors of a GGUF file whose first tensor is the token table. */
  private void readSigns(Path path) throws IOException {
    byte[] bytes = Files.readAllBytes(path);
    ByteBuffer file = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    long tensors = file.getLong(8);
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    file.position(text.indexOf("token_embd.weight") - Long.BYTES);
    Map<String, long[]> places = new HashMap<>();
    for (int i = 0; i < tensors; i++) {
      byte[] name = new byte[Math.toIntExact(file.getLong())];
      file.get(name);
      long count = 1;
      for (int dimensions = file.getInt(); dimensions > 0; dimensions--) {
        count *= file.getLong();
      }
      file.getInt();
      places.put(new String(name, StandardCharsets.US_ASCII), new long[] {file.getLong(), count});
    }
    int data = Math.ceilDiv(file.position(), 32) * 32;
    places.forEach((name, place) -> {
      if (name.contains(".sign_")) {
        float[] values = new float[Math.toIntExact(place[1])];
        file.slice(data + Math.toIntExact(place[0]), values.length * Float.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN)
            .asFloatBuffer()
            .get(values);
        signs.put(name, values);
      }
    });
  }

  private static String json(Path path) throws IOException {
    return Files.readString(path).replaceAll("\\s+", "");
  }
}
