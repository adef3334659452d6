// Chart: what is to be drawn, as values, and the gnuplot script that draws it as SVG. Pure functions;
// cli/gnuplot.h runs the script.
//
// Every text may hold what a file or a policy said: none is read by gnuplot as anything but text.
// Colours are those of Okabe and Ito ("Color Universal Design", 2008), which colour-blind people tell
// apart; series beyond the sixth differ by their dashes.
#ifndef OSEVOLVE_REPORT_CHART_H_
#define OSEVOLVE_REPORT_CHART_H_

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ose {

struct ChartAxis {
  std::string label;  // with its unit
  bool log = false;
  std::optional<double> min = {}, max = {};  // max may lie below min: the axis is turned round
  std::vector<std::pair<double, std::string>> ticks = {};  // empty: as gnuplot finds them
};

using ChartPoint = std::array<double, 2>;  // x, y

struct ChartSeries {
  enum class Style { kLine, kLinePoints, kSteps, kDots, kLevel };  // kLevel: a dashed line that bounds nothing
  std::string name;                  // "": not in the key
  Style style = Style::kLine;
  int colour = 0;                    // -1: grey; else any number from 0
  std::vector<ChartPoint> points = {};
  std::vector<ChartPoint> band = {};  // a closed outline, filled lightly: where the true curve is
};

// Bars along x.
struct ChartBars {
  std::string name;
  std::string rgb;  // "#0072b2"
  struct Bar {
    double from, to;
    double y, half_height;
  };
  std::vector<Bar> bars;
};

struct Chart {
  std::string title;
  std::string subtitle;  // smaller, below it
  ChartAxis x = {}, y = {};
  std::vector<ChartSeries> series = {};
  std::vector<ChartBars> bars = {};  // under the series
  int width = 900, height = 560;
  bool key_below = false;
};

std::string ChartColour(int colour);  // "#0072b2"; -1 is grey

std::string GnuplotScript(const Chart& chart);

}  // namespace ose

#endif  // OSEVOLVE_REPORT_CHART_H_
