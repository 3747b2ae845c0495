package org.espalier.server.openai;

import org.espalier.server.scheduling.Event;
import tools.jackson.databind.node.ObjectNode;

/** One text of an answer. It collects what happens until someone asks for it in JSON. */
interface Choice {

  /** Takes what happened to this text. */
  void accept(Event event);

  /** Whether there is anything to send in a stream. */
  boolean hasNews();

  /** What was collected since the last time, as an element of a chunk's {@code choices}. */
  ObjectNode takeChunk();

  /** Everything, as an element of a complete answer's {@code choices}. */
  ObjectNode takeWhole();

  /** The word for why a text ended. */
  static String finishReason(Event.Ended ended) {
    return switch (ended.reason()) {
      case END_OF_TEXT, STOP_TEXT -> "stop";
      case LENGTH, CONTEXT_FULL, CANCELLED -> "length";
    };
  }
}
