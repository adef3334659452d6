#include "report/chart.h"

#include <fmt/format.h>

#include <cmath>

namespace ose {
namespace {

constexpr const char* kColours[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"};
constexpr int kColourCount = std::size(kColours);
constexpr int kDashes[] = {1, 2, 4, 5};  // gnuplot's dash types: solid, dashed, dash-dot, dash-dot-dot

// In single quotes gnuplot reads nothing but '', which is a quote.
std::string Quoted(const std::string& text) {
  std::string out = "'";
  for (char c : text) {
    if (c == '\'') out += '\'';
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  return out + "'";
}

std::string Line(const char* name, const ChartAxis& axis) {
  std::string out = fmt::format("set {}label {} noenhanced\n", name, Quoted(axis.label));
  if (axis.log) out += fmt::format("set logscale {}\n", name);
  auto bound = [](const std::optional<double>& v) { return v ? fmt::format("{}", *v) : "*"; };
  out += fmt::format("set {}range [{}:{}]\n", name, bound(axis.min), bound(axis.max));
  if (axis.ticks.empty()) return out + fmt::format("set format {} '%g'\n", name);
  out += fmt::format("set {}tics noenhanced (", name);
  for (size_t i = 0; i < axis.ticks.size(); ++i)
    out += fmt::format("{}{} {}", i > 0 ? ", " : "", Quoted(axis.ticks[i].second), axis.ticks[i].first);
  return out + ")\n";
}

void AddData(std::string& out, const std::string& name, const std::vector<ChartPoint>& points) {
  out += name + " << END\n";
  for (const auto& [x, y] : points)
    if (std::isfinite(x) && std::isfinite(y)) out += fmt::format("{:.10g} {:.10g}\n", x, y);
  out += "END\n";
}

std::string Drawing(const ChartSeries& s) {
  const int dash = s.colour < 0 ? 1 : kDashes[static_cast<size_t>(s.colour / kColourCount) % std::size(kDashes)];
  const std::string colour = ChartColour(s.colour);
  switch (s.style) {
    case ChartSeries::Style::kLine: return fmt::format("lines lw 2 dt {} lc rgb '{}'", dash, colour);
    case ChartSeries::Style::kLinePoints: return fmt::format("linespoints lw 2 dt {} pt 7 ps 0.6 lc rgb '{}'", dash, colour);
    case ChartSeries::Style::kSteps: return fmt::format("steps lw 2 dt {} lc rgb '{}'", dash, colour);
    case ChartSeries::Style::kDots: return fmt::format("points pt 7 ps 0.3 lc rgb '{}'", colour);
    case ChartSeries::Style::kLevel: return fmt::format("lines lw 1.5 dt 2 lc rgb '{}'", colour);
  }
  return "";
}

}  // namespace

std::string ChartColour(int colour) { return colour < 0 ? "#999999" : kColours[colour % kColourCount]; }

std::string GnuplotScript(const Chart& chart) {
  std::string out = fmt::format("set terminal svg size {},{} font 'sans-serif,13' background '#ffffff'\n", chart.width, chart.height);
  out += "set encoding utf8\n";
  out += fmt::format("set title {} noenhanced\n", Quoted(chart.title));
  // Below the title, in the room that an empty second line of it leaves.
  if (!chart.subtitle.empty()) {
    out += fmt::format("set title {} . \"\\n\" noenhanced\n", Quoted(chart.title));
    out += fmt::format("set label 1 {} at graph 0.5, graph 1 offset 0,0.7 center noenhanced font 'sans-serif,11' textcolor rgb '#555555'\n", Quoted(chart.subtitle));
  }
  out += "set border 3 lc rgb '#555555'\nset tics nomirror out\nset grid lc rgb '#dddddd' lw 1 dt 1\n";
  out += fmt::format("set key {} noenhanced\n", chart.key_below ? "outside below center horizontal" : "outside right top vertical Left reverse");
  out += Line("x", chart.x) + Line("y", chart.y);

  std::vector<std::string> plots;
  for (const ChartBars& b : chart.bars) {
    const std::string data = fmt::format("$bars{}", plots.size());
    out += data + " << END\n";
    for (const ChartBars::Bar& bar : b.bars)
      out += fmt::format("{:.10g} {:.10g} {:.10g} {:.10g} {:.10g} {:.10g}\n", (bar.from + bar.to) / 2, bar.y, bar.from, bar.to,
                         bar.y - bar.half_height, bar.y + bar.half_height);
    out += "END\n";
    plots.push_back(fmt::format("{} with boxxyerror fs solid noborder lc rgb '{}' title {} noenhanced", data, b.rgb, Quoted(b.name)));
  }
  for (const ChartSeries& s : chart.series) {
    if (s.band.empty()) continue;
    const std::string data = fmt::format("$band{}", plots.size());
    AddData(out, data, s.band);
    plots.push_back(fmt::format("{} with filledcurves closed fs transparent solid 0.2 noborder lc rgb '{}' notitle", data, ChartColour(s.colour)));
  }
  for (const ChartSeries& s : chart.series) {
    const std::string data = fmt::format("$line{}", plots.size());
    AddData(out, data, s.points);
    const std::string title = s.name.empty() ? "notitle" : "title " + Quoted(s.name) + " noenhanced";
    plots.push_back(fmt::format("{} with {} {}", data, Drawing(s), title));
  }
  out += "plot ";
  for (size_t i = 0; i < plots.size(); ++i) out += (i > 0 ? ", \\\n     " : "") + plots[i];
  return out + "\n";
}

}  // namespace ose
