package org.espalier.api;

import org.jspecify.annotations.Nullable;

/**
 * Every failure that Espalier foresees, split by who can mend it. The message is one sentence for a
 * person: what, where, what to do. Anything else that is thrown is a defect.
 */
public abstract sealed class EspalierException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private EspalierException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }

  /** The file is at fault: truncated, corrupt, inconsistent. Another copy of the file may help. */
  public static final class MalformedModel extends EspalierException {
    private static final long serialVersionUID = 1L;

    /** Names the file, the place in it and what is wrong there. */
    public MalformedModel(String message) {
      super(message, null);
    }

    /** As above, with the exception that revealed it. */
    public MalformedModel(String message, Throwable cause) {
      super(message, cause);
    }
  }

  /** A file of data (texts, questions, saved results) is at fault, not the model. */
  public static final class MalformedData extends EspalierException {
    private static final long serialVersionUID = 1L;

    /** Names the file, the line or row in it and what is wrong there. */
    public MalformedData(String message) {
      super(message, null);
    }

    /** As above, with the exception that revealed it. */
    public MalformedData(String message, Throwable cause) {
      super(message, cause);
    }
  }

  /** The file may be fine, but no provider that is present can do this. A plugin may help. */
  public static final class Unsupported extends EspalierException {
    private static final long serialVersionUID = 1L;

    /** Says what is not supported, and lists what is. */
    public Unsupported(String message) {
      super(message, null);
    }
  }

  /** The caller asked for something that cannot be: a wrong option, a prompt too long. */
  public static final class InvalidRequest extends EspalierException {
    private static final long serialVersionUID = 1L;

    /** Says which value is wrong and which would be right. */
    public InvalidRequest(String message) {
      super(message, null);
    }
  }

  /** The machine let us down: memory, disk, device, driver. */
  public static final class DeviceFailure extends EspalierException {
    private static final long serialVersionUID = 1L;

    /** Says which resource failed, how much was needed and how much there is. */
    public DeviceFailure(String message) {
      super(message, null);
    }

    /** As above, with the exception that revealed it. */
    public DeviceFailure(String message, Throwable cause) {
      super(message, cause);
    }
  }
}
