package org.espalier;

import java.util.List;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.runtime.chat.ChatMessage;
import org.espalier.runtime.chat.Conversation;
import org.espalier.runtime.generation.GenerationOptions;
import org.jspecify.annotations.Nullable;

/**
 * A conversation with a model. It remembers what was said; where the context becomes too short, the
 * oldest turns are forgotten. Closing the model closes it too.
 */
public final class Chat implements AutoCloseable {
  private final LanguageModel model;
  private final Conversation conversation;
  private @Nullable Generation answer;
  private boolean closed;

  Chat(LanguageModel model, Conversation conversation) {
    this.model = model;
    this.conversation = conversation;
  }

  /**
   * Says something.
   *
   * @return the answer, which has begun; closing it early stops it, and what was said by then stays
   *     in the conversation
   * @throws InvalidRequest when the last answer has not ended, or this is closed
   */
  public synchronized Generation say(String message, GenerationOptions options) {
    requireRest();
    Generation begun = model.begin(listener -> conversation.say(message, options, listener));
    answer = begun;
    return begun;
  }

  /** As {@link #say(String, GenerationOptions)}, with the usual options. */
  public Generation say(String message) {
    return say(message, GenerationOptions.DEFAULT);
  }

  /** Forgets everything that was said, but not the scene. */
  public synchronized void reset() {
    requireRest();
    conversation.reset();
  }

  /** What was said so far, in order, the scene included. */
  public synchronized List<ChatMessage> messages() {
    requireRest();
    return conversation.messages();
  }

  private void requireRest() {
    if (closed) {
      throw new InvalidRequest("the conversation is closed");
    }
    Generation last = answer;
    if (last != null && !last.ended()) {
      throw new InvalidRequest("the last answer has not ended: wait for its result, or close it");
    }
  }

  /** Stops an answer that has not ended, and releases the memory of the conversation. */
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      if (answer != null) {
        answer.close();
      }
      conversation.close();
      model.ended(this);
    }
  }
}
