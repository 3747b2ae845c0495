package org.espalier.arch.olmoe;

import java.util.OptionalDouble;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.format.Metadata;

/**
 * Reads the configuration from GGUF metadata.
 *
 * <p>Without these keys there is no model: {@code block_count}, {@code embedding_length}, {@code
 * context_length}, {@code feed_forward_length}, {@code attention.head_count}, {@code
 * attention.layer_norm_rms_epsilon}, {@code expert_count}, {@code expert_used_count}. The others
 * have the value in parentheses where they are absent: {@code attention.head_count_kv}
 * (head_count), {@code attention.key_length} (width / heads), {@code attention.scale}
 * (1/√key_length), {@code attention.clamp_kqv} (none), {@code rope.dimension_count} (key_length),
 * {@code rope.freq_base} (10000), {@code expert_feed_forward_length} (feed_forward_length), {@code
 * expert_weights_norm} (false), {@code expert_weights_scale} (1).
 */
final class GgufConfig {
  static final String PREFIX = "olmoe.";

  private static final double DEFAULT_ROPE_BASE = 10_000;

  private final Metadata metadata;

  private GgufConfig(Metadata metadata) {
    this.metadata = metadata;
  }

  /**
   * The configuration.
   *
   * @throws MalformedModel when a key is missing, of another type, or out of bounds
   * @throws Unsupported when a key asks for what OLMoE does not have
   */
  static OlmoeConfig read(Metadata metadata) {
    ForeignKeys.refuse(metadata);
    return new GgufConfig(metadata).config();
  }

  private OlmoeConfig config() {
    int width = count("embedding_length");
    int heads = count("attention.head_count");
    int headDimension = headDimension(width, heads);
    return new OlmoeConfig(
        count("block_count"),
        width,
        count("context_length"),
        heads,
        count("attention.head_count_kv", heads),
        headDimension,
        count("rope.dimension_count", headDimension),
        real("rope.freq_base", DEFAULT_ROPE_BASE),
        real("attention.layer_norm_rms_epsilon"),
        clip(),
        real("attention.scale", 1 / Math.sqrt(headDimension)),
        count("expert_count"),
        count("expert_used_count"),
        expertWidth(),
        metadata.flag(PREFIX + "expert_weights_norm").orElse(false),
        real("expert_weights_scale", 1));
  }

  private int headDimension(int width, int heads) {
    if (!metadata.has(PREFIX + "attention.key_length") && width % heads != 0) {
      throw new MalformedModel(
          "the file's width of %d cannot be divided into %d attention heads"
              .formatted(width, heads));
    }
    int dimension = count("attention.key_length", width / heads);
    if (count("attention.value_length", dimension) != dimension) {
      throw new Unsupported(
          "metadata keys 'olmoe.attention.key_length' and 'olmoe.attention.value_length' differ;"
              + " in OLMoE keys and values of a head are of one length");
    }
    return dimension;
  }

  /** Some writers give the width of an expert its own key; where both stand, that one is meant. */
  private int expertWidth() {
    return metadata.has(PREFIX + "expert_feed_forward_length")
        ? count("expert_feed_forward_length")
        : count("feed_forward_length");
  }

  /** Some writers put 0 where there is no clamping. */
  private OptionalDouble clip() {
    String key = PREFIX + "attention.clamp_kqv";
    OptionalDouble clip = metadata.number(key);
    return clip.isEmpty() || clip.getAsDouble() == 0
        ? OptionalDouble.empty()
        : OptionalDouble.of(positive(key, clip.getAsDouble()));
  }

  private int count(String name) {
    String key = PREFIX + name;
    return inRange(key, metadata.whole(key).orElseThrow(() -> missing(key)));
  }

  private int count(String name, int otherwise) {
    return metadata.has(PREFIX + name) ? count(name) : otherwise;
  }

  private float real(String name) {
    String key = PREFIX + name;
    return positive(key, metadata.number(key).orElseThrow(() -> missing(key)));
  }

  private float real(String name, double otherwise) {
    return metadata.has(PREFIX + name) ? real(name) : (float) otherwise;
  }

  private static int inRange(String key, long value) {
    if (value < 1 || value > Integer.MAX_VALUE) {
      throw new MalformedModel(
          "metadata key '%s' is %d, but must be from 1 to %d"
              .formatted(key, value, Integer.MAX_VALUE));
    }
    return (int) value;
  }

  /** As a float, in which it must still be positive and finite. */
  private static float positive(String key, double value) {
    float rounded = (float) value;
    if (!(rounded > 0 && rounded <= Float.MAX_VALUE)) {
      throw new MalformedModel(
          "metadata key '%s' is %s, but must be a positive number".formatted(key, value));
    }
    return rounded;
  }

  private static MalformedModel missing(String key) {
    return new MalformedModel("the file's metadata lack the key '%s'".formatted(key));
  }
}
