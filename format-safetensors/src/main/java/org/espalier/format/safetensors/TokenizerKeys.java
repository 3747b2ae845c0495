package org.espalier.format.safetensors;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.MetadataValue.WholeType;

/**
 * Says in the keys of GGUF what {@code tokenizer.json} says: {@code tokenizer.ggml.model}, {@code
 * pre}, {@code tokens}, {@code token_type}, {@code merges}, the ids of special tokens, {@code
 * add_bos_token} (always) and {@code add_eos_token} (only where it is true).
 *
 * <p>Byte-level BPE becomes {@code gpt2}. Split by GPT-2's expression without a space put before
 * the text, it is {@code olmo} where text is brought into Unicode's form C and {@code gpt-2} where
 * it is not. Any other tokenizer gets a description for {@code model} or {@code pre}, which whoever
 * builds tokenizers will refuse by name: better than splitting text in another way unnoticed.
 *
 * <p>Special ids are found by the texts in {@code tokenizer_config.json}, or else taken from {@code
 * generation_config.json} and {@code config.json}; of several ends of text the first counts.
 */
final class TokenizerKeys {
  private static final String PREFIX = "tokenizer.ggml.";

  private final JsonObject tokenizer;
  private final JsonObject model;
  private final JsonObject settings;
  private final List<JsonObject> configs;
  private final int rows;

  /**
   * @param tokenizer tokenizer.json
   * @param settings tokenizer_config.json
   * @param configs where ids of special tokens may stand, the most trusted first
   * @param rows of the embedding; 0 where that is not known
   */
  TokenizerKeys(JsonObject tokenizer, JsonObject settings, List<JsonObject> configs, int rows) {
    this.tokenizer = tokenizer;
    this.model = tokenizer.object("model");
    this.settings = settings;
    this.configs = configs;
    this.rows = rows;
  }

  Map<String, MetadataValue> entries() {
    Map<String, MetadataValue> entries = new LinkedHashMap<>();
    entries.put(PREFIX + "model", new MetadataValue.Text(modelName()));
    if (!isBytePairEncoding()) {
      return entries;
    }
    TokenList tokens = TokenList.read(tokenizer, settings, rows);
    entries.put(PREFIX + "pre", new MetadataValue.Text(preTokenizer()));
    entries.put(PREFIX + "tokens", new MetadataValue.Texts(tokens.texts()));
    entries.put(PREFIX + "token_type", new MetadataValue.Wholes(WholeType.INT32, tokens.types()));
    entries.put(PREFIX + "merges", new MetadataValue.Texts(merges()));
    putId(entries, "bos_token_id", special(tokens, "bos_token"));
    putId(entries, "eos_token_id", special(tokens, "eos_token"));
    putId(entries, "unknown_token_id", special(tokens, "unk_token"));
    putId(entries, "padding_token_id", special(tokens, "pad_token"));
    boolean addsBeginning = settings.flag("add_bos_token").orElse(false);
    entries.put(PREFIX + "add_bos_token", new MetadataValue.Flag(addsBeginning));
    if (settings.flag("add_eos_token").orElse(false)) {
      entries.put(PREFIX + "add_eos_token", new MetadataValue.Flag(true));
    }
    return entries;
  }

  /** Older files do not name the kind. */
  private boolean isBytePairEncoding() {
    return model.text("type").map("BPE"::equals).orElse(model.has("merges"));
  }

  private String modelName() {
    if (!isBytePairEncoding()) {
      return "huggingface " + model.text("type").orElse("without a type");
    }
    List<String> peculiar = new ArrayList<>();
    for (String flag : List.of("byte_fallback", "ignore_merges")) {
      if (model.flag(flag).orElse(false)) {
        peculiar.add(flag);
      }
    }
    for (String affix : List.of("continuing_subword_prefix", "end_of_word_suffix")) {
      if (!model.text(affix).orElse("").isEmpty()) {
        peculiar.add(affix);
      }
    }
    return peculiar.isEmpty() ? "gpt2" : "huggingface BPE with " + String.join(", ", peculiar);
  }

  private String preTokenizer() {
    List<JsonObject> normalizers = steps("normalizer", "normalizers");
    List<JsonObject> splits = steps("pre_tokenizer", "pretokenizers");
    boolean plain = splits.size() == 1 && isPlainByteLevel(splits.getFirst());
    boolean composes = normalizers.size() == 1 && type(normalizers.getFirst()).equals("NFC");
    if (plain && composes) {
      return "olmo";
    }
    return plain && normalizers.isEmpty()
        ? "gpt-2"
        : "huggingface %s, %s".formatted(types(normalizers), describe(splits));
  }

  private static boolean isPlainByteLevel(JsonObject split) {
    return type(split).equals("ByteLevel")
        && !split.flag("add_prefix_space").orElse(true)
        && split.flag("use_regex").orElse(true);
  }

  private static String describe(List<JsonObject> splits) {
    return splits.size() == 1 && type(splits.getFirst()).equals("ByteLevel")
        ? "ByteLevel with add_prefix_space or without use_regex"
        : types(splits);
  }

  private static String types(List<JsonObject> steps) {
    return steps.stream().map(TokenizerKeys::type).toList().toString();
  }

  private static String type(JsonObject step) {
    return step.text("type").orElse("");
  }

  /** The steps of a pipeline: none, one, or those of a sequence. */
  private List<JsonObject> steps(String name, String sequenceMember) {
    if (!tokenizer.has(name)) {
      return List.of();
    }
    JsonObject step = tokenizer.object(name);
    return type(step).equals("Sequence") ? step.objects(sequenceMember) : List.of(step);
  }

  /** Each as both parts with a space between them; newer files give the parts by themselves. */
  private List<String> merges() {
    List<String> merges = new ArrayList<>();
    for (Object merge : model.list("merges").orElse(List.of())) {
      switch (merge) {
        case String line -> merges.add(line);
        case List<?> pair
            when pair.size() == 2
                && pair.get(0) instanceof String left
                && pair.get(1) instanceof String right
                && left.indexOf(' ') < 0
                && right.indexOf(' ') < 0 ->
            merges.add(left + " " + right);
        case null, default ->
            throw new MalformedModel(
                "%s: merge %d should be two tokens, as one text with a space between them or as a"
                        .formatted(model.where(), merges.size())
                    + " pair");
      }
    }
    return merges;
  }

  private OptionalInt special(TokenList tokens, String name) {
    OptionalInt found =
        switch (settings.members().get(name)) {
          case String text -> tokens.id(text);
          case Map<?, ?> map when map.get("content") instanceof String text -> tokens.id(text);
          case null, default -> OptionalInt.empty();
        };
    for (JsonObject config : configs) {
      if (found.isEmpty()) {
        found = id(config, name + "_id", tokens);
      }
    }
    return found;
  }

  private static OptionalInt id(JsonObject config, String name, TokenList tokens) {
    OptionalLong id =
        switch (config.members().get(name)) {
          case List<?> ids when !ids.isEmpty() && ids.getFirst() instanceof Integer first ->
              OptionalLong.of(first);
          case List<?> _ -> OptionalLong.empty();
          case null, default -> config.whole(name);
        };
    return id.isPresent() && id.getAsLong() >= 0 && id.getAsLong() < tokens.texts().size()
        ? OptionalInt.of((int) id.getAsLong())
        : OptionalInt.empty();
  }

  private static void putId(Map<String, MetadataValue> entries, String key, OptionalInt id) {
    id.ifPresent(
        value -> entries.put(PREFIX + key, new MetadataValue.Whole(WholeType.UINT32, value)));
  }
}
