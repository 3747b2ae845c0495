package org.espalier.runtime.chat;

import java.util.List;
import java.util.Optional;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.format.Metadata;
import org.espalier.runtime.tokenizer.Tokenizer;

/** The form in which a model was trained to see conversations. */
public interface ChatForm {

  /** Its name, by which users choose it. */
  String name();

  /** The tokens of a conversation, up to where the assistant begins to answer. */
  int[] encode(Tokenizer tokenizer, List<ChatMessage> messages);

  /** Texts at which an answer ends even if the model goes on: it has begun to speak for others. */
  List<String> stops();

  /**
   * The form that a file's template asks for.
   *
   * @throws Unsupported when the file has no template, as files of base models have none, or one of
   *     another form
   */
  static ChatForm of(Metadata metadata) {
    Optional<String> template = metadata.text(TuluTemplate.KEY);
    if (template.isEmpty()) {
      throw new Unsupported(
          ("this is no chat model: its file has no chat template (%s); base models continue texts,"
                  + " so use completion, or say --chat-template tulu if you know that it was trained"
                  + " for conversations of that form")
              .formatted(TuluTemplate.KEY));
    }
    return TuluTemplate.recognise(template.get())
        .orElseThrow(() ->
            new Unsupported(
                ("the chat template of this file (%s) is of a form that is not known here; the Tülu"
                        + " form is, and --chat-template tulu uses it in spite of the template")
                    .formatted(TuluTemplate.KEY)));
  }

  /**
   * A form by its name.
   *
   * @throws InvalidRequest when there is none of this name
   */
  static ChatForm named(String name) {
    if (name.equals(TuluForm.NAME)) {
      return new TuluForm(true);
    }
    throw new InvalidRequest(
        "there is no chat template '%s'; known is: %s".formatted(name, TuluForm.NAME));
  }
}
