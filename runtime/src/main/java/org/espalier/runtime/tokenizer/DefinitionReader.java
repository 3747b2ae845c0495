package org.espalier.runtime.tokenizer;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.format.Metadata;

/** Reads the keys {@code tokenizer.ggml.*}, and repairs what a careless writer left out. */
final class DefinitionReader {
  private static final String PREFIX = "tokenizer.ggml.";
  private static final String END_OF_TEXT = "<|endoftext|>";
  private static final String PADDING = "<|padding|>";

  /** llama.cpp's beginning and end of text for byte-level files that name none. */
  private static final int LLAMA_CPP_FALLBACK = 11;

  private final Metadata metadata;
  private final boolean likeLlamaCpp;
  private final Consumer<String> notices;

  DefinitionReader(
      Metadata metadata, TokenizerCompatibility compatibility, Consumer<String> notices) {
    this.metadata = metadata;
    this.likeLlamaCpp =
        switch (compatibility) {
          case HUGGING_FACE -> false;
          case LLAMA_CPP -> true;
        };
    this.notices = notices;
  }

  TokenizerDefinition read() {
    checkModel();
    PreTokenizer preTokenizer = preTokenizer();
    TokenNames names = names();
    List<String> lines =
        metadata
            .texts(PREFIX + "merges")
            .orElseThrow(() -> new MalformedModel("the file has no " + PREFIX + "merges"));
    MergeLines merges = new MergeLines(names, lines);
    SpecialTokens special = special(names);
    List<TokenKind> kinds = kinds(names, merges.made(), special);
    return new TokenizerDefinition(
        preTokenizer, new Vocabulary(names, kinds), lines, merges.table(!likeLlamaCpp), special);
  }

  private void checkModel() {
    Optional<String> model = metadata.text(PREFIX + "model");
    if (model.isEmpty()) {
      notices.accept(PREFIX + "model is missing: reading it as 'gpt2'");
    } else if (!model.get().equals("gpt2")) {
      throw new Unsupported(
          "tokenizers of the kind '%s' are not supported (tokenizer.ggml.model); 'gpt2' is"
              .formatted(model.get()));
    }
  }

  private TokenNames names() {
    List<String> names =
        metadata
            .texts(PREFIX + "tokens")
            .orElseThrow(
                () -> new MalformedModel("the file has no vocabulary (tokenizer.ggml.tokens)"));
    if (names.isEmpty()) {
      throw new MalformedModel("the vocabulary is empty (tokenizer.ggml.tokens)");
    }
    return new TokenNames(names);
  }

  private PreTokenizer preTokenizer() {
    Optional<String> name = metadata.text(PREFIX + "pre");
    boolean unknown = name.isEmpty() || name.get().equals("default");
    if (unknown) {
      String found = name.isEmpty() ? "missing" : "'default'";
      String reading = likeLlamaCpp ? "splitting as llama.cpp does then" : "reading it as 'olmo'";
      notices.accept(PREFIX + "pre is " + found + ": " + reading);
      if (likeLlamaCpp) {
        return PreTokenizer.llamaCppDefault();
      }
    }
    String known = unknown ? "olmo" : name.get();
    PreTokenizer preTokenizer =
        PreTokenizer.named(known)
            .orElseThrow(() ->
                new Unsupported(
                    "the pre-tokenizer '%s' is not supported (tokenizer.ggml.pre); supported: %s"
                        .formatted(known, PreTokenizer.KNOWN)));
    return likeLlamaCpp ? preTokenizer.withoutComposing() : preTokenizer;
  }

  private SpecialTokens special(TokenNames names) {
    OptionalInt end = id(names, "eos_token_id");
    OptionalInt beginning = id(names, "bos_token_id");
    OptionalInt padding = id(names, "padding_token_id");
    if (likeLlamaCpp) {
      end = end.isPresent() ? end : fallback(names, "eos_token_id");
      beginning = beginning.isPresent() ? beginning : fallback(names, "bos_token_id");
    } else {
      end = end.isPresent() ? end : endByText(names);
      padding = padding.isPresent() ? padding : paddingByText(names);
    }
    boolean addsBeginning = metadata.flag(PREFIX + "add_bos_token").orElse(false);
    if (addsBeginning && beginning.isEmpty()) {
      notices.accept(
          PREFIX
              + "add_bos_token is true but bos_token_id is missing: nothing is put before texts");
    }
    SortedSet<Integer> endings = new TreeSet<>();
    end.ifPresent(endings::add);
    id(names, "eot_token_id").ifPresent(endings::add);
    id(names, "eom_token_id").ifPresent(endings::add);
    byText(names, END_OF_TEXT).ifPresent(endings::add);
    return new SpecialTokens(
        beginning,
        end,
        padding,
        addsBeginning && beginning.isPresent(),
        metadata.flag(PREFIX + "add_eos_token").orElse(false) && end.isPresent(),
        endings);
  }

  /** An id that is there; one beyond the list of tokens counts as missing. */
  private OptionalInt id(TokenNames names, String key) {
    OptionalLong id = metadata.whole(PREFIX + key);
    if (id.isEmpty()) {
      return OptionalInt.empty();
    }
    if (id.getAsLong() < 0 || id.getAsLong() >= names.size()) {
      notices.accept(
          "%s%s is %d but there are only %d tokens: ignoring it"
              .formatted(PREFIX, key, id.getAsLong(), names.size()));
      return OptionalInt.empty();
    }
    return OptionalInt.of((int) id.getAsLong());
  }

  private OptionalInt endByText(TokenNames names) {
    OptionalInt end = byText(names, END_OF_TEXT);
    notices.accept(
        end.isPresent()
            ? "%seos_token_id is missing: taking %d ('%s')"
                .formatted(PREFIX, end.getAsInt(), END_OF_TEXT)
            : "%seos_token_id is missing and no token is called '%s': no token ends a text"
                .formatted(PREFIX, END_OF_TEXT));
    return end;
  }

  private OptionalInt paddingByText(TokenNames names) {
    OptionalInt padding = byText(names, PADDING);
    padding.ifPresent(id ->
        notices.accept(
            "%spadding_token_id is missing: taking %d ('%s')".formatted(PREFIX, id, PADDING)));
    return padding;
  }

  private OptionalInt fallback(TokenNames names, String key) {
    if (names.size() <= LLAMA_CPP_FALLBACK) {
      return OptionalInt.empty();
    }
    notices.accept(
        "%s%s is missing: taking %d ('%s') as llama.cpp does"
            .formatted(PREFIX, key, LLAMA_CPP_FALLBACK, names.name(LLAMA_CPP_FALLBACK)));
    return OptionalInt.of(LLAMA_CPP_FALLBACK);
  }

  private static OptionalInt byText(TokenNames names, String text) {
    int id = names.id(text);
    return id == TokenNames.ABSENT ? OptionalInt.empty() : OptionalInt.of(id);
  }

  private List<TokenKind> kinds(TokenNames names, BitSet made, SpecialTokens special) {
    Optional<List<Long>> numbers = metadata.wholes(PREFIX + "token_type");
    List<TokenKind> kinds;
    if (numbers.isPresent()) {
      kinds = kindsOf(numbers.get(), names.size());
    } else if (likeLlamaCpp) {
      notices.accept(PREFIX + "token_type is missing: taking all tokens for normal ones");
      kinds = new ArrayList<>(Collections.nCopies(names.size(), TokenKind.NORMAL));
    } else {
      kinds = kindsByForm(names, made, special);
    }
    if (likeLlamaCpp) {
      // llama.cpp overrides the type of this one, whatever the file says.
      byText(names, END_OF_TEXT).ifPresent(id -> kinds.set(id, TokenKind.CONTROL));
    }
    return kinds;
  }

  private static List<TokenKind> kindsOf(List<Long> numbers, int size) {
    if (numbers.size() != size) {
      throw new MalformedModel(
          "tokenizer.ggml.token_type has %d entries for %d tokens".formatted(numbers.size(), size));
    }
    List<TokenKind> kinds = new ArrayList<>(size);
    for (int id = 0; id < size; id++) {
      long number = numbers.get(id);
      int at = id;
      kinds.add(
          TokenKind.ofNumber(number)
              .orElseThrow(() ->
                  new MalformedModel(
                      "tokenizer.ggml.token_type[%d] is %d, which is no token type"
                          .formatted(at, number))));
    }
    return kinds;
  }

  private List<TokenKind> kindsByForm(TokenNames names, BitSet made, SpecialTokens special) {
    ByteAlphabet alphabet = new ByteAlphabet();
    List<TokenKind> kinds = new ArrayList<>(names.size());
    int added = 0;
    for (int id = 0; id < names.size(); id++) {
      TokenKind kind = made.get(id) ? TokenKind.NORMAL : kindByForm(names.name(id), alphabet);
      if (kind == TokenKind.NORMAL && !made.get(id) && isSpecial(id, special)) {
        kind = TokenKind.CONTROL;
      }
      kinds.add(kind);
      added += kind == TokenKind.NORMAL ? 0 : 1;
    }
    notices.accept(
        "%stoken_type is missing: %d added tokens recognised by their form"
            .formatted(PREFIX, added));
    return kinds;
  }

  private static boolean isSpecial(int id, SpecialTokens special) {
    OptionalInt token = OptionalInt.of(id);
    return special.endings().contains(id)
        || special.beginning().equals(token)
        || special.padding().equals(token);
  }

  /** The kind of a token that is neither a byte nor the result of a merge. */
  private static TokenKind kindByForm(String name, ByteAlphabet alphabet) {
    if (name.length() > 4 && name.startsWith("<|") && name.endsWith("|>")) {
      return TokenKind.CONTROL;
    }
    boolean bars = name.length() > 6 && name.startsWith("|||") && name.endsWith("|||");
    return bars || !alphabet.spells(name) ? TokenKind.USER_DEFINED : TokenKind.NORMAL;
  }
}
