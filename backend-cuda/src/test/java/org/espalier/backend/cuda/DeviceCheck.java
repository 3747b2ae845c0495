package org.espalier.backend.cuda;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectPackage;

import java.util.concurrent.atomic.AtomicInteger;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TagFilter;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** Runs the tests tagged "cuda" where there is no Maven; the script check-device calls it. */
public final class DeviceCheck {
  private DeviceCheck() {}

  /** Prints each test, then a line with the numbers; exits with 1 if one failed or none ran. */
  public static void main(String[] arguments) {
    LauncherDiscoveryRequest request =
        LauncherDiscoveryRequestBuilder.request()
            .selectors(selectPackage("org.espalier.backend.cuda"))
            .filters(TagFilter.includeTags("cuda"))
            .build();
    Count count = new Count();
    LauncherFactory.create().execute(request, count);
    System.out.printf(
        "%d passed, %d failed, %d skipped%n",
        count.passed.get(), count.failed.get(), count.skipped.get());
    System.exit(count.failed.get() == 0 && count.passed.get() > 0 ? 0 : 1);
  }

  private static final class Count implements TestExecutionListener {
    private final AtomicInteger passed = new AtomicInteger();
    private final AtomicInteger failed = new AtomicInteger();
    private final AtomicInteger skipped = new AtomicInteger();

    @Override
    public void executionSkipped(TestIdentifier test, String reason) {
      skipped.incrementAndGet();
      System.out.printf("skipped %s: %s%n", test.getDisplayName(), reason);
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
      if (result.getThrowable().isEmpty()) {
        if (test.isTest()) {
          passed.incrementAndGet();
          System.out.printf("passed %s%n", test.getUniqueId());
        }
        return;
      }
      boolean isAborted = result.getStatus() == TestExecutionResult.Status.ABORTED;
      (isAborted ? skipped : failed).incrementAndGet();
      System.out.printf("%s %s%n", isAborted ? "skipped" : "FAILED", test.getUniqueId());
      result.getThrowable().orElseThrow().printStackTrace(System.out);
    }
  }
}
