package org.espalier.server.openai;

import java.time.Instant;
import org.espalier.api.Offer;
import org.espalier.runtime.chat.ChatForm;
import org.espalier.runtime.tokenizer.Tokenizer;
import org.espalier.server.scheduling.Scheduler;
import org.espalier.server.scheduling.ServedModel;

/**
 * A loaded model, ready to answer.
 *
 * @param name by which clients know it
 * @param file its file's name, without the folder
 * @param chat how to write down conversations, or why not
 * @param loaded when it was there
 */
public record Service(
    String name,
    String file,
    ServedModel model,
    Scheduler scheduler,
    int parallel,
    Offer<ChatForm> chat,
    Instant loaded) {

  Tokenizer tokenizer() {
    return model.tokenizer();
  }
}
