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

  private final ConfigKeys keys;

  private GgufConfig(ConfigKeys keys) {
    this.keys = keys;
  }

  /**
   * The configuration.
   *
   * @throws MalformedModel when a key is missing, of another type, or out of bounds
   * @throws Unsupported when a key asks for what OLMoE does not have
   */
  static OlmoeConfig read(Metadata metadata) {
    ForeignKeys.refuse(metadata);
    return new GgufConfig(new ConfigKeys(metadata, PREFIX)).config();
  }

  private OlmoeConfig config() {
    int width = keys.count("embedding_length");
    int heads = keys.count("attention.head_count");
    int headDimension = headDimension(width, heads);
    return new OlmoeConfig(
        keys.count("block_count"),
        width,
        keys.count("context_length"),
        heads,
        keys.count("attention.head_count_kv", heads),
        headDimension,
        keys.count("rope.dimension_count", headDimension),
        keys.positive("rope.freq_base", DEFAULT_ROPE_BASE),
        keys.positive("attention.layer_norm_rms_epsilon"),
        clip(),
        keys.positive("attention.scale", 1 / Math.sqrt(headDimension)),
        keys.count("expert_count"),
        keys.count("expert_used_count"),
        expertWidth(),
        keys.flag("expert_weights_norm", false),
        keys.positive("expert_weights_scale", 1));
  }

  private int headDimension(int width, int heads) {
    if (!keys.has("attention.key_length") && width % heads != 0) {
      throw new MalformedModel(
          "the file's width of %d cannot be divided into %d attention heads"
              .formatted(width, heads));
    }
    int dimension = keys.count("attention.key_length", width / heads);
    if (keys.count("attention.value_length", dimension) != dimension) {
      throw new Unsupported(
          "metadata keys 'olmoe.attention.key_length' and 'olmoe.attention.value_length' differ;"
              + " in OLMoE keys and values of a head are of one length");
    }
    return dimension;
  }

  /** Some writers give the width of an expert its own key; where both stand, that one is meant. */
  private int expertWidth() {
    return keys.has("expert_feed_forward_length")
        ? keys.count("expert_feed_forward_length")
        : keys.count("feed_forward_length");
  }

  /** Some writers put 0 where there is no clamping. */
  private OptionalDouble clip() {
    return keys.isNonzero("attention.clamp_kqv")
        ? OptionalDouble.of(keys.positive("attention.clamp_kqv"))
        : OptionalDouble.empty();
  }
}
