package org.espalier.runtime.chat;

import java.util.List;
import java.util.stream.IntStream;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.runtime.tokenizer.Tokenizer;

/**
 * The form of the Tülu models, which OLMoE's instruct variant has: every turn begins with a line
 * that names its author, an answer ends with the token that ends texts.
 *
 * <p>The names of authors are plain text. What people write is plain text too: the name of a
 * control token in it does not become that token.
 *
 * @param opened whether a conversation begins with the token that ends texts
 */
record TuluForm(boolean opened) implements ChatForm {
  static final String NAME = "tulu";
  private static final String USER = "<|user|>";

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public int[] encode(Tokenizer tokenizer, List<ChatMessage> messages) {
    int end =
        tokenizer
            .endOfText()
            .orElseThrow(() ->
                new Unsupported(
                    "this model has no token that ends a text, which the Tülu form needs"));
    IntStream.Builder tokens = IntStream.builder();
    if (opened) {
      tokens.add(end);
    }
    StringBuilder plain = new StringBuilder();
    for (ChatMessage message : messages) {
      switch (message.author()) {
        case SYSTEM -> plain.append("<|system|>\n").append(message.text()).append('\n');
        case USER -> plain.append(USER + "\n").append(message.text()).append('\n');
        case ASSISTANT -> {
          plain.append("<|assistant|>\n").append(message.text());
          flush(tokenizer, plain, tokens);
          tokens.add(end);
          plain.append('\n');
        }
      }
    }
    plain.append("<|assistant|>\n");
    flush(tokenizer, plain, tokens);
    return tokens.build().toArray();
  }

  private static void flush(Tokenizer tokenizer, StringBuilder plain, IntStream.Builder tokens) {
    IntStream.of(tokenizer.encode(plain.toString(), false)).forEach(tokens::add);
    plain.setLength(0);
  }

  @Override
  public List<String> stops() {
    return List.of(USER);
  }
}
