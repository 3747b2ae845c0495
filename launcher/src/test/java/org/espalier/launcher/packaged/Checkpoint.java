package org.espalier.launcher.packaged;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * A small OLMoE with random weights as Hugging Face stores one: BF16 in two shards, config.json and
 * tokenizer.json. The vocabulary is that of single bytes and one added token outside it, and the
 * embedding has 3 rows more.
 */
final class Checkpoint {
  static final int VOCABULARY = 260;

  private static final int LAYERS = 2;
  private final int width;
  private final int hidden;
  private final int experts;

  private final Random random = new Random(8);
  private final Map<String, short[]> values = new LinkedHashMap<>();
  private final Map<String, List<Integer>> shapes = new LinkedHashMap<>();

  Checkpoint() {
    this(16, 12, 3);
  }

  /**
   * One of another size.
   *
   * @param hidden width of an expert
   */
  Checkpoint(int width, int hidden, int experts) {
    this.width = width;
    this.hidden = hidden;
    this.experts = experts;
    add("model.embed_tokens.weight", 1, VOCABULARY, width);
    for (int layer = 0; layer < LAYERS; layer++) {
      String prefix = "model.layers." + layer + ".";
      add(prefix + "input_layernorm.weight", 1, width);
      for (String name : List.of("q_proj", "k_proj", "v_proj", "o_proj")) {
        add(prefix + "self_attn." + name + ".weight", 0.3, width, width);
      }
      add(prefix + "self_attn.q_norm.weight", 1, width);
      add(prefix + "self_attn.k_norm.weight", 1, width);
      add(prefix + "post_attention_layernorm.weight", 1, width);
      add(prefix + "mlp.gate.weight", 0.3, experts, width);
      for (int expert = 0; expert < experts; expert++) {
        String stem = prefix + "mlp.experts." + expert;
        add(stem + ".gate_proj.weight", 0.3, hidden, width);
        add(stem + ".up_proj.weight", 0.3, hidden, width);
        add(stem + ".down_proj.weight", 0.3, width, hidden);
      }
    }
    add("model.norm.weight", 1, width);
    add("lm_head.weight", 0.3, VOCABULARY, width);
  }

  private void add(String name, double deviation, int... shape) {
    List<Integer> dimensions = new ArrayList<>();
    int count = 1;
    for (int dimension : shape) {
      dimensions.add(dimension);
      count *= dimension;
    }
    short[] bits = new short[count];
    for (int i = 0; i < count; i++) {
      bits[i] = bits((float) (deviation * random.nextGaussian()));
    }
    shapes.put(name, dimensions);
    values.put(name, bits);
  }

  private static short bits(float value) {
    return (short) (Float.floatToRawIntBits(value) >>> 16);
  }

  /** Writes one that can be quantised, for whoever needs one outside these tests. */
  public static void main(String[] arguments) throws IOException {
    new Checkpoint(256, 256, 2).write(Path.of(arguments[0]));
  }

  /** Another value for one weight. */
  Checkpoint set(String name, int index, float value) {
    values.get(name)[index] = bits(value);
    return this;
  }

  /** Writes it. */
  Path write(Path folder) throws IOException {
    Files.createDirectories(folder);
    List<String> names = List.copyOf(values.keySet());
    int half = names.size() / 2;
    shard(folder.resolve("model-00001-of-00002.safetensors"), names.subList(0, half));
    shard(folder.resolve("model-00002-of-00002.safetensors"), names.subList(half, names.size()));
    List<String> map = new ArrayList<>();
    for (int i = 0; i < names.size(); i++) {
      map.add(
          "\"%s\":\"model-0000%d-of-00002.safetensors\"".formatted(names.get(i), i < half ? 1 : 2));
    }
    Files.writeString(
        folder.resolve("model.safetensors.index.json"),
        "{\"weight_map\":{" + String.join(",", map) + "}}");
    Files.writeString(
        folder.resolve("config.json"),
        """
        {"model_type":"olmoe","num_hidden_layers":%d,"hidden_size":%d,"intermediate_size":%d,
         "num_attention_heads":2,"num_key_value_heads":2,"num_experts":%d,"num_experts_per_tok":2,
         "rms_norm_eps":1e-05,"rope_theta":10000.0,"norm_topk_prob":false,"clip_qkv":null,
         "max_position_embeddings":32,"vocab_size":%d,"eos_token_id":256}
        """
            .formatted(LAYERS, width, hidden, experts, VOCABULARY));
    Files.writeString(folder.resolve("tokenizer.json"), tokenizer());
    return folder;
  }

  private void shard(Path file, List<String> names) throws IOException {
    List<String> entries = new ArrayList<>();
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    for (String name : names) {
      int begin = data.size();
      ByteBuffer bytes =
          ByteBuffer.allocate(2 * values.get(name).length).order(ByteOrder.LITTLE_ENDIAN);
      bytes.asShortBuffer().put(values.get(name));
      data.writeBytes(bytes.array());
      entries.add(
          "\"%s\":{\"dtype\":\"BF16\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
              .formatted(name, shapes.get(name), begin, data.size()));
    }
    byte[] header = ("{" + String.join(",", entries) + "}").getBytes(StandardCharsets.UTF_8);
    ByteBuffer length = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    try (var out = Files.newOutputStream(file)) {
      out.write(length.putLong(0, header.length).array());
      out.write(header);
      out.write(data.toByteArray());
    }
  }

  /** Byte-level: printable Latin-1 stands for itself, the rest for characters from U+0100 on. */
  private static String tokenizer() {
    List<String> entries = new ArrayList<>();
    int next = 256;
    for (int value = 0; value < 256; value++) {
      boolean printable = value >= '!' && value <= '~' || value >= 0xa1 && value != 0xad;
      entries.add("\"\\u%04x\":%d".formatted(printable ? value : next++, value));
    }
    return """
    {"added_tokens":[{"id":256,"content":"<|endoftext|>","special":true}],
     "normalizer":{"type":"NFC"},
     "pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"use_regex":true},
     "model":{"type":"BPE","vocab":{%s},"merges":[]}}
    """
        .formatted(String.join(",", entries));
  }
}
