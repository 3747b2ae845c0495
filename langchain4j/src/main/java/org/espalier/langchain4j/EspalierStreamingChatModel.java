package org.espalier.langchain4j;

import dev.langchain4j.model.chat.StreamingChatModel;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.response.PartialResponse;
import dev.langchain4j.model.chat.response.PartialResponseContext;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.chat.response.StreamingHandle;
import org.espalier.Generation;
import org.espalier.LanguageModel;
import org.espalier.api.EspalierException;
import org.espalier.runtime.generation.GenerationOptions;

/**
 * A model that answers piece by piece, on a thread of its own; the handle that comes with every
 * piece cancels it, after which nothing more is called. Otherwise as {@link EspalierChatModel}.
 */
public final class EspalierStreamingChatModel implements StreamingChatModel {
  private final LanguageModel model;
  private final Translation translation;

  /** With the usual sampling, and answers as long as the context allows. */
  public EspalierStreamingChatModel(LanguageModel model) {
    this(model, GenerationOptions.DEFAULT);
  }

  /**
   * With other defaults.
   *
   * @param defaults for what a request leaves open
   */
  public EspalierStreamingChatModel(LanguageModel model, GenerationOptions defaults) {
    this.model = model;
    this.translation = new Translation(model, defaults);
  }

  @Override
  public ChatRequestParameters defaultRequestParameters() {
    return translation.defaultParameters();
  }

  @Override
  public void doChat(ChatRequest request, StreamingChatResponseHandler handler) {
    Generation generation;
    try {
      generation = model.answer(translation.messages(request), translation.options(request));
    } catch (EspalierException e) {
      throw Translation.failure(e);
    }
    Thread.ofVirtual().name("espalier-answer").start(() -> stream(generation, handler));
  }

  private void stream(Generation generation, StreamingChatResponseHandler handler) {
    Handle handle = new Handle(generation);
    PartialResponseContext context = new PartialResponseContext(handle);
    try (generation) {
      for (String piece : generation) {
        if (handle.isCancelled()) {
          return;
        }
        handler.onPartialResponse(new PartialResponse(piece), context);
      }
      if (!handle.isCancelled()) {
        handler.onCompleteResponse(translation.response(generation.result()));
      }
    } catch (EspalierException e) {
      handler.onError(Translation.failure(e));
    } catch (RuntimeException | Error e) {
      handler.onError(e); // most likely the handler's own
    }
  }

  /** Ends one answer. */
  private static final class Handle implements StreamingHandle {
    private final Generation generation;
    private volatile boolean cancelled;

    Handle(Generation generation) {
      this.generation = generation;
    }

    @Override
    public void cancel() {
      cancelled = true;
      generation.cancel();
    }

    @Override
    public boolean isCancelled() {
      return cancelled;
    }
  }
}
