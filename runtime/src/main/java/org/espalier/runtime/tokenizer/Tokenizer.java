package org.espalier.runtime.tokenizer;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.format.Metadata;

/**
 * Text to token ids and back, as a model's metadata describe it. Immutable; one instance serves any
 * number of threads.
 *
 * <p>A text becomes ids in four steps, in the order of Hugging Face's tokenizers: control tokens
 * are cut out where the caller wants them; the text between them is brought into Unicode's form C
 * where the model's family does that; the remaining added tokens, such as runs of spaces, are cut
 * out of it; and what is left is split into words, whose bytes are joined pair by pair.
 *
 * <p>Letters, numbers and compositions are those of the JDK's Unicode version; other programs may
 * know fewer of the newest characters.
 *
 * <p>The work grows with the length of the text times its logarithm at most, whatever the text.
 */
public final class Tokenizer {
  /** Characters of a text; its bytes must fit into an array, even when composing lengthens it. */
  private static final int LONGEST_TEXT = 1 << 27;

  private final TokenizerDefinition definition;
  private final PreTokenizer preTokenizer;
  private final Vocabulary vocabulary;
  private final SpecialTokens special;
  private final BytePairEncoder encoder;
  private final AddedTokens controlTokens;
  private final AddedTokens userTokens;

  private Tokenizer(TokenizerDefinition definition) {
    this.definition = definition;
    this.preTokenizer = definition.preTokenizer();
    this.vocabulary = definition.vocabulary();
    this.special = definition.special();
    this.encoder = new BytePairEncoder(vocabulary, definition.merges());
    this.controlTokens = added(TokenKind.CONTROL, UnaryOperator.identity());
    this.userTokens = added(TokenKind.USER_DEFINED, this::normalised);
  }

  /**
   * Builds the tokenizer of a model.
   *
   * <p>What the metadata lack is repaired: {@code pre} is read as {@code olmo}, token types are
   * recognised by their form, end of text and padding by their names. A list of tokens that was cut
   * short is taken as it is.
   *
   * @param metadata with keys {@code tokenizer.ggml.*}
   * @param notices receives one sentence for every piece of metadata that was missing and how it is
   *     read instead
   * @throws org.espalier.api.EspalierException.MalformedModel when there is no usable vocabulary
   * @throws org.espalier.api.EspalierException.Unsupported when the tokenizer or its splitting of
   *     text is of a kind that is not known here
   */
  public static Tokenizer of(
      Metadata metadata, TokenizerCompatibility compatibility, Consumer<String> notices) {
    return new Tokenizer(new DefinitionReader(metadata, compatibility, notices).read());
  }

  private AddedTokens added(TokenKind kind, UnaryOperator<String> form) {
    Map<String, Integer> ids = new HashMap<>();
    for (int id = 0; id < vocabulary.size(); id++) {
      if (vocabulary.kind(id) == kind) {
        ids.putIfAbsent(form.apply(vocabulary.name(id)), id);
      }
    }
    return new AddedTokens(ids);
  }

  /**
   * The ids of a text; nothing is added before or after it. An unpaired surrogate is read as
   * U+FFFD.
   *
   * @param parseSpecial whether the literal text of a control token becomes that token; other added
   *     tokens, such as runs of spaces, are always recognised
   * @throws org.espalier.api.EspalierException.MalformedModel when the vocabulary lacks the token
   *     of a byte that the text needs
   */
  public int[] encode(String text, boolean parseSpecial) {
    if (text.length() > LONGEST_TEXT) {
      throw new InvalidRequest(
          "a text of %d characters is too long to be tokenised at once; at most %d are possible"
              .formatted(text.length(), LONGEST_TEXT));
    }
    TokenIds ids = new TokenIds();
    BytePairEncoder.Scratch scratch = new BytePairEncoder.Scratch();
    if (parseSpecial) {
      controlTokens.cut(
          text, ids, (start, end) -> encodePlain(text.substring(start, end), scratch, ids));
    } else {
      encodePlain(text, scratch, ids);
    }
    return ids.toArray();
  }

  /**
   * The tokens of a text that is to be continued, names of control tokens recognised: behind {@link
   * #beginningOfText}, where the model wants one and the text does not bring it along.
   *
   * @throws org.espalier.api.EspalierException as {@link #encode}
   */
  public int[] encodePrompt(String text) {
    int[] tokens = encode(text, true);
    OptionalInt first = beginningOfText();
    return first.isEmpty() || (tokens.length > 0 && tokens[0] == first.getAsInt())
        ? tokens
        : IntStream.concat(first.stream(), IntStream.of(tokens)).toArray();
  }

  private void encodePlain(String plain, BytePairEncoder.Scratch scratch, TokenIds ids) {
    String text = normalised(plain);
    PreTokenizer.PieceSink pieces =
        (source, start, end) -> encoder.encode(source, start, end, scratch, ids);
    userTokens.cut(text, ids, (start, end) -> preTokenizer.split(text, start, end, pieces));
  }

  private String normalised(String text) {
    return preTokenizer.composes() ? ComposedForm.of(text) : text;
  }

  /**
   * The bytes that a token stands for; they may end inside a UTF-8 character. A control token
   * stands for its name. Ids beyond the vocabulary, which models with padded embeddings can draw,
   * stand for nothing.
   *
   * @throws InvalidRequest when the id is negative
   */
  public byte[] bytes(int token) {
    if (token < 0) {
      throw new InvalidRequest("a token id is never negative, but %d is".formatted(token));
    }
    return token < size() ? vocabulary.bytes(token) : new byte[0];
  }

  /**
   * The text of some tokens, names of control tokens included; bytes that are no UTF-8 become
   * U+FFFD. What {@link #encode} made comes back in Unicode's form C.
   *
   * @throws InvalidRequest when an id is negative
   */
  public String decode(int... tokens) {
    ByteArrayOutputStream all = new ByteArrayOutputStream(8 + 4 * Math.min(tokens.length, 1 << 24));
    for (int token : tokens) {
      all.writeBytes(bytes(token));
    }
    return all.toString(StandardCharsets.UTF_8);
  }

  /** How many ids there are. */
  public int size() {
    return vocabulary.size();
  }

  /** How many ids mean something: the unused ones at the end only fill up rows of an embedding. */
  public int usedSize() {
    return vocabulary.usedSize();
  }

  /**
   * How the model's file spells a token: for most in the alphabet of byte-level vocabularies, in
   * which a space is {@code Ġ}.
   *
   * @throws InvalidRequest when there is no such token
   */
  public String name(int token) {
    if (token < 0 || token >= size()) {
      throw new InvalidRequest(
          "there is no token %d; ids go from 0 to %d".formatted(token, size() - 1));
    }
    return vocabulary.name(token);
  }

  /** Whether generation ends when this token is drawn. */
  public boolean endsGeneration(int token) {
    return special.endings().contains(token);
  }

  /** Whether it is a control token, whose text is not shown. */
  public boolean isControl(int token) {
    return token >= 0 && token < size() && vocabulary.kind(token) == TokenKind.CONTROL;
  }

  /** The token that ends a text. */
  public OptionalInt endOfText() {
    return special.end();
  }

  /** The token that a prompt must begin with, for the few models that want one. */
  public OptionalInt beginningOfText() {
    return special.addsBeginning() ? special.beginning() : OptionalInt.empty();
  }

  /** Whether a whole text, unlike a prompt, is to be closed with {@link #endOfText}. */
  public boolean closesText() {
    return special.addsEnd();
  }

  /** The token that fills up batches. */
  public OptionalInt padding() {
    return special.padding();
  }

  /**
   * SHA-256 over vocabulary, merges, special ids and splitting, all after repair, as lower-case
   * hex: names the tokenizer. A file with missing metadata and its complete twin have the same, and
   * so have files whose vocabularies differ by unused tokens at the end only.
   */
  public String fingerprint() {
    return definition.fingerprint();
  }
}
